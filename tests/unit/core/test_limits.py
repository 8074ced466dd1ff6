"""A limit is what the newest decision page about it records, and no page is misquoted."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from clinrisk.core.limits import LIMITS, limits_digest

DECISIONS = Path(__file__).parents[3] / "docs" / "decisions"
PAGES = {path.name[:4]: path.read_text(encoding="utf-8") for path in sorted(DECISIONS.glob("[0-9]*.md"))}
NAMES = [limit.name for limit in fields(LIMITS)]


def recorded(name: str) -> list[list[str]]:
    """Find the rows of all pages about a limit, oldest page first, without the limit's own cell."""
    return [
        [cell.strip(" `") for cell in line.strip("|").split("|")[1:]]
        for page in PAGES.values()
        for line in page.splitlines()
        if line.startswith(f"| `{name}` |")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_newest_page_about_a_limit_records_its_value(name: str) -> None:
    assert recorded(name), f"no page of docs/decisions records the limit {name}"
    value = recorded(name)[-1][0]
    assert value == str(getattr(LIMITS, name)), f"{name} changed without a page that records it"


@pytest.mark.parametrize("name", NAMES)
def test_the_page_that_decided_a_limit_has_the_words_that_are_quoted(name: str) -> None:
    _, page, words = recorded(name)[-1]
    prose = "\n".join(line for line in PAGES[page].splitlines() if not line.startswith(f"| `{name}`"))
    assert words in prose, f"page {page} does not state {name} as quoted"


def test_the_newest_recorded_digest_is_that_of_the_table() -> None:
    assert recorded("limits")[-1] == [limits_digest()]


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_limit_changes_the_digest(name: str) -> None:
    changed = replace(LIMITS, **{name: getattr(LIMITS, name) + 1})
    assert limits_digest(changed) != limits_digest()
