"""`make docs`: puts the pages of docs/ and the reference side by side, for the generator to build."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from tools.docs_site.reference import pages

PROJECT = Path(__file__).parents[2]
TREES = {
    "Start": ("tutorial", "faq", "add-a-use-case", "glossary"),
    "For each person": ("guides/*",),
    "Run it": ("runbook", "monitoring", "findings", "data", "not-run-on-aws"),
    "Reference": ("reference/*",),
    "Understand it": ("architecture", "contract-change", "by-hand", "engine-faults"),
    "Decisions": ("decisions/*",),
}

OUTSIDE = re.compile(
    r"\[`?([^\]`]+)`?\]\((?:\.\./)+(?:twin|statemachines|layers|tests|tools|bench|cli)\b[^)]*\)"
)
"""A link to the code, which is no page of the site: its words are kept."""


def main(target: Path) -> None:
    """Write every page below `target`; a page that no tree names is still found by the last one."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(PROJECT / "docs", target)
    for page in target.rglob("*.md"):
        page.write_text(OUTSIDE.sub(r"`\1`", page.read_text(encoding="utf-8")), encoding="utf-8")
    (target / "reference").mkdir()
    for name, text in pages(PROJECT):
        (target / "reference" / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    named = {name for names in TREES.values() for name in names}
    others = tuple(sorted({page.stem for page in target.glob("*.md")} - named - {"index"}))
    trees = TREES | ({"More": others} if others else {})
    with (target / "index.md").open("a", encoding="utf-8") as index:
        for caption, names in trees.items():
            lines = "\n".join(names)
            index.write(f"\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {caption}\n\n{lines}\n```\n")


main(Path(sys.argv[1]))
