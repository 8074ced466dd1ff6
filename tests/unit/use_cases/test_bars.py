"""The promotion bar of a use case is a file that only a recorded decision may change."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from clinrisk import use_cases
from clinrisk.use_cases import bar

DECISIONS = Path(__file__).parents[3] / "docs" / "decisions"
NAMES = use_cases.names()


@pytest.mark.parametrize("name", NAMES)
def test_the_newest_decision_about_a_bar_records_the_digest_of_its_file(name: str) -> None:
    digest = hashlib.sha256(bar.bar_text(name).encode()).hexdigest()
    recorded = [
        line.split("`")[3]
        for page in sorted(DECISIONS.glob("[0-9]*.md"))
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| `{name}.toml` |")
    ]
    assert recorded, f"no page of docs/decisions records the bar of {name}"
    assert recorded[-1] == digest, f"the bar of {name} changed without a page that records {digest}"


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_the_bar_that_candidates_are_held_against(name: str) -> None:
    stated = tomllib.loads(bar.bar_text(name))
    used = asdict(use_cases.get(name).bar)
    assert {k: list(v) if isinstance(v, tuple) else v for k, v in used.items()} == stated


def test_a_file_that_leaves_a_limit_out_or_invents_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = bar.bar_text(NAMES[0])
    stated = list(tomllib.loads(text))
    assert len(stated) == len(fields(bar.PromotionBar))
    for limit in stated:
        without = re.sub(rf"^{limit} = .*$", "", text, flags=re.MULTILINE)
        monkeypatch.setattr(bar, "bar_text", lambda _, without=without: without)
        with pytest.raises(TypeError, match=limit):
            bar.read_bar(NAMES[0])
    monkeypatch.setattr(bar, "bar_text", lambda _: text + "\nlowest_accuracy = 0.9\n")
    with pytest.raises(TypeError, match="lowest_accuracy"):
        bar.read_bar(NAMES[0])
