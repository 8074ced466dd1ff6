"""The documents name only files that exist."""

import re

import pytest

from tests.unit.structure.repository import PACKAGE, ROOT, is_clean

GUIDES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/guides").glob("*.md"))
DOCUMENTS = (
    *(
        "README.md",
        "CONTRIBUTING.md",
        "docs/architecture.md",
        "docs/data.md",
        "docs/tutorial.md",
        "docs/faq.md",
    ),
    *GUIDES,
)
# What the commands make is named in the documents and is in no checkout.
MADE = {"out", ".envs", ".build", ".twin"}


def paths(text: str) -> list[str]:
    """Return the paths that a text names in backticks; `<name>` stands for any name.

    A path begins with a folder of the repository or of the package, or is one source file's name alone.
    """
    tops = {path.name for folder in (ROOT, PACKAGE) for path in folder.iterdir()} - MADE
    found = []
    for token in " ".join(re.findall(r"`([^`\n]+)`", text)).split():
        path = re.sub(r"<[^>]+>", "*", token).rstrip("/,:")
        if path.split("/")[0] in tops if "/" in path else re.search(r"\w\.(py|ya?ml|md|toml)$", path):
            found.append(path)
    return found


def exists(pattern: str) -> bool:
    """Return whether a path, or a pattern with `*`, is there from the repository's root or the package's."""
    return any(next(folder.glob(pattern), None) for folder in (ROOT, PACKAGE))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_in_a_document_exists(document: str) -> None:
    missing = [path for path in paths((ROOT / document).read_text()) if not exists(path)]
    assert not missing or not is_clean(document), missing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_module_in_a_document_exists(document: str) -> None:
    named = re.findall(r"`clinrisk\.([a-z_.]+)`", (ROOT / document).read_text())
    missing = [name for name in named if not exists(name.replace(".", "/") + "*")]
    assert not missing or not is_clean(document), missing


def test_every_prefix_and_every_end_of_data_stands_in_its_document() -> None:
    document = (ROOT / "docs/data.md").read_text()
    keys = (PACKAGE / "core/object_keys.py").read_text()
    prefixes = set(re.findall(r'^\s+(?:return f?)?"([a-z-]+/)', keys, re.MULTILINE))
    assert {"vault/", "results/", "offline-store/"} <= prefixes
    template = (ROOT / "template.yaml").read_text()
    rules = set(re.findall(r"- \{Id: (\w+), Status: ", template))
    assert "DropUnfinishedUploads" in rules
    missing = [one for one in sorted(prefixes | rules) if f"`{one}`" not in document]
    assert not missing or not is_clean("docs/data.md"), missing


def test_a_path_that_is_gone_is_seen() -> None:
    text = "`core/ingest/gone.py`, `functions/<capability>/<function>/app.py`, `vault/`, `lost.md`"
    assert [path for path in paths(text) if not exists(path)] == ["core/ingest/gone.py", "lost.md"]
