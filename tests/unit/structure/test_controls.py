"""The pages on controls and threats name tests that exist, and every finding of a scanner that stands."""

from __future__ import annotations

import re

import pytest

from tests.scanners.suppressions import suppressions
from tests.unit.structure.repository import ROOT

PAGES = ("docs/controls.md", "docs/threat-model.md")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def rows(page: str) -> list[list[str]]:
    """Return the cells of every row of a page's tables, without their heads."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    found = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")
    ]
    return [cells for cells in found if not set(cells[0]) <= {"-", " "} and cells[-1] != "test"]


@pytest.mark.parametrize("page", PAGES)
def test_every_row_names_a_test_that_exists(page: str) -> None:
    assert len(rows(page)) > 20
    for cells in rows(page):
        named = TEST.findall(cells[-1])
        assert named, cells
        for file, name in named:
            path = ROOT / file
            assert path.is_file(), file
            assert re.search(rf"^\s*def {name}\(", path.read_text(encoding="utf-8"), re.MULTILINE), name


def test_the_findings_that_stand_are_those_of_the_template_with_their_reasons() -> None:
    table = (ROOT / "docs/controls.md").read_text(encoding="utf-8").partition("## Findings of scanners")[2]
    shown = {
        tuple(re.findall(r"`([^`]+)`", cells[0])): (re.findall(r"`([^`]+)`", cells[1]), cells[2])
        for cells in (line.strip("|").split(" | ") for line in table.splitlines() if line.startswith("| `"))
    }
    assert shown == {one.rules: (list(one.resources), " ".join(one.reason.split())) for one in suppressions()}


@pytest.mark.parametrize("page", PAGES)
def test_no_page_claims_what_nobody_has_assessed(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8").lower()
    assert not re.search(r"(?<!=)complian|complies|certified|approved by the fda", text)
