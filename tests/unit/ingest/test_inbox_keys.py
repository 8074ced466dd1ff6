"""What an inbox key says, and what it must not say."""

from __future__ import annotations

import pytest

from clinrisk.core.ingest.inbox_keys import parse_key, receipt_key
from clinrisk.core.ingest.rules import FileRule
from clinrisk.errors import KeyRefused, NotData

GOOD = {
    "inbox/heart/training/march.csv": ("heart", "training", "march"),
    "inbox/stroke/inference/ward 7 + 8 (new).csv": ("stroke", "inference", "ward-7-8-new-"),
    "inbox/stroke/outcomes/Größe-März.CSV": ("stroke", "outcomes", "Gr-e-M-rz"),
    "inbox/stroke/outcomes/データ.csv": ("stroke", "outcomes", "-"),
    "inbox/heart/training/no-extension": ("heart", "training", "no-extension"),
    "inbox/heart/training/a..b.csv": ("heart", "training", "a..b"),
    "inbox/heart/training/" + "k" * 999 + ".csv": ("heart", "training", "k" * 120),
}


@pytest.mark.parametrize("key", GOOD)
def test_a_key_names_use_case_purpose_and_file(key: str) -> None:
    found = parse_key(key)
    assert (found.use_case, found.purpose, found.stem) == GOOD[key]


@pytest.mark.parametrize(
    "key",
    [
        "inbox/",
        "inbox/heart/",
        "inbox/heart/training/",
        "inbox/heart/training/.DS_Store",
        "inbox/heart/training/~$march.xlsx",
        "inbox/heart/training/_SUCCESS",
        "inbox/heart/training/march.csv.part",
        "elsewhere/march.csv",
    ],
)
def test_what_is_not_data_is_ignored(key: str) -> None:
    with pytest.raises(NotData):
        parse_key(key)


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("inbox/lung/training/a.csv", FileRule.UNKNOWN_USE_CASE),
        ("inbox/Heart/training/a.csv", FileRule.UNKNOWN_USE_CASE),
        ("inbox/base/training/a.csv", FileRule.UNKNOWN_USE_CASE),
        ("inbox/heart/test/a.csv", FileRule.UNKNOWN_PURPOSE),
        ("inbox/heart/a.csv", FileRule.KEY_SHAPE),
        ("inbox/a.csv", FileRule.KEY_SHAPE),
        ("inbox/heart/training/2024/a.csv", FileRule.KEY_SHAPE),
        ("inbox/heart/training/../../stroke/a.csv", FileRule.KEY_SHAPE),
        ("inbox/../heart/a.csv", FileRule.KEY_SHAPE),
        ("inbox/heart//a.csv", FileRule.KEY_SHAPE),
        ("inbox/heart/training/..", FileRule.KEY_SHAPE),
        ("inbox/heart/training/a\n.csv", FileRule.KEY_CHARACTERS),
        ("inbox/heart/training/a\x00.csv", FileRule.KEY_CHARACTERS),
        ("inbox/heart/training/\u202evsc.csv", FileRule.KEY_CHARACTERS),
        ("inbox/heart/training/a\u200b.csv", FileRule.KEY_CHARACTERS),
        ("inbox/heart/training/<script>alert(1)</script>.csv", FileRule.KEY_CHARACTERS),
        ("inbox/heart/training/<b>.csv", FileRule.KEY_CHARACTERS),
        ("inbox/heart/training/=cmd.csv", FileRule.KEY_CHARACTERS),
        ("inbox/heart/training/@sum.csv", FileRule.KEY_CHARACTERS),
        ("inbox/heart/training/\ud800.csv", FileRule.KEY_CHARACTERS),
        ("inbox/heart/training/" + "a" * 1004, FileRule.KEY_TOO_LONG),
    ],
)
def test_a_key_that_leads_nowhere_is_refused_without_repeating_it(key: str, rule: FileRule) -> None:
    with pytest.raises(KeyRefused) as refused:
        parse_key(key)
    assert refused.value.rules == (rule,)
    assert key.rsplit("/", 1)[-1] not in str(refused.value).split()


def test_a_receipt_has_a_safe_key_whatever_came_in() -> None:
    assert receipt_key("inbox/heart/training/a.csv", "v1") == "receipts/inbox/heart/training/a.csv.v1.json"
    for odd in ("inbox/heart/training/" + "é" * 499 + ".csv", "inbox/\ud800", "inbox/a\n", "inbox/../x"):
        made = receipt_key(odd, "v1")
        assert made.startswith("receipts/by-digest/")
        assert len(made) < 200
    assert receipt_key("inbox/a\n", "v1") != receipt_key("inbox/b\n", "v1")
