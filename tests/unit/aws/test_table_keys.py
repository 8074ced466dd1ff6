"""The keys of the tables: documented in the adapters, and the only ones that workflows and policies use."""

import inspect
import re
from pathlib import Path

import pytest

from clinrisk.aws import tables

ROOT = Path(__file__).parents[3]
PREFIX = re.compile(r"\b([A-Z][A-Z_]+)#")
ADAPTERS = sorted(Path(inspect.getfile(tables)).parent.glob("[!_]*.py"))


def documented(file: Path) -> set[str]:
    return set(PREFIX.findall(file.read_text().split('"""')[1]))


@pytest.mark.parametrize("file", ADAPTERS, ids=lambda file: file.stem)
def test_each_adapter_spells_a_prefix_once_and_documents_it(file: Path) -> None:
    code = file.read_text().split('"""', 2)[2]
    spelled = PREFIX.findall(code)
    assert len(spelled) == len(set(spelled))
    assert set(spelled) <= documented(file)


@pytest.mark.parametrize("file", [ROOT / "template.yaml", *sorted((ROOT / "statemachines").glob("*.yaml"))])
def test_workflows_and_policies_use_documented_keys_only(file: Path) -> None:
    text = "\n".join(line for line in file.read_text().splitlines() if not line.lstrip().startswith("#"))
    known = set().union(*map(documented, ADAPTERS))
    assert set(PREFIX.findall(text)) <= known
