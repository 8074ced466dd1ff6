"""What an inbox key states, and what an error about it must not repeat."""

from __future__ import annotations

import pytest

from clinrisk import use_cases
from clinrisk.core.ingest.inbox_keys import LONGEST_KEY, PURPOSES, parse_key, receipt_key
from clinrisk.core.ingest.rules import FileRule
from clinrisk.errors import KeyRefused, NotData

NAME = use_cases.names()[0]
FOLDER = f"inbox/{NAME}/training/"
GOOD = {
    f"inbox/{NAME}/training/march.csv": ("training", "march"),
    f"inbox/{NAME}/inference/ward 7 + 8 (new).csv": ("inference", "ward-7-8-new-"),
    f"inbox/{NAME}/outcomes/Größe-März.CSV": ("outcomes", "Gr-e-M-rz"),
    f"inbox/{NAME}/outcomes/データ.csv": ("outcomes", "-"),
    f"{FOLDER}no-extension": ("training", "no-extension"),
    f"{FOLDER}a..b.csv": ("training", "a..b"),
    f"{FOLDER}{'k' * 119}.csv": ("training", "k" * 119),
    f"{FOLDER}{'k' * 120}.csv": ("training", "k" * 120),
    f"{FOLDER}{'k' * 121}.csv": ("training", "k" * 120),
}


@pytest.mark.parametrize("key", GOOD)
def test_a_key_names_use_case_purpose_and_file(key: str) -> None:
    found = parse_key(key)
    assert (found.use_case, found.purpose, found.stem) == (NAME, *GOOD[key])
    assert found.key == key


@pytest.mark.parametrize("name", use_cases.names())
def test_every_use_case_has_a_folder(name: str) -> None:
    purposes = use_cases.get(name).purposes
    for purpose in purposes:
        assert parse_key(f"inbox/{name}/{purpose}/a.csv").purpose == purpose
    for purpose in set(PURPOSES) - set(purposes):
        with pytest.raises(KeyRefused, match=f"no purpose of {name}"):
            parse_key(f"inbox/{name}/{purpose}/a.csv")


@pytest.mark.parametrize(
    "key",
    [
        "inbox/",
        f"inbox/{NAME}/",
        FOLDER,
        f"{FOLDER}.DS_Store",
        f"{FOLDER}~$march.xlsx",
        f"{FOLDER}_SUCCESS",
        f"{FOLDER}march.csv.part",
        "outbox/march.csv",
    ],
)
def test_what_is_not_data_is_ignored(key: str) -> None:
    with pytest.raises(NotData):
        parse_key(key)


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("inbox/lung/training/a.csv", FileRule.UNKNOWN_USE_CASE),
        (f"inbox/{NAME.title()}/training/a.csv", FileRule.UNKNOWN_USE_CASE),
        ("inbox/base/training/a.csv", FileRule.UNKNOWN_USE_CASE),
        (f"inbox/{NAME}/test/a.csv", FileRule.UNKNOWN_PURPOSE),
        (f"inbox/{NAME}/a.csv", FileRule.KEY_SHAPE),
        ("inbox/a.csv", FileRule.KEY_SHAPE),
        (f"{FOLDER}2024/a.csv", FileRule.KEY_SHAPE),
        (f"{FOLDER}../../other/a.csv", FileRule.KEY_SHAPE),
        (f"inbox/../{NAME}/a.csv", FileRule.KEY_SHAPE),
        (f"inbox/{NAME}//a.csv", FileRule.KEY_SHAPE),
        (f"{FOLDER}..", FileRule.KEY_SHAPE),
        (f"{FOLDER}a\n.csv", FileRule.KEY_CHARACTERS),
        (f"{FOLDER}a\x00.csv", FileRule.KEY_CHARACTERS),
        (f"{FOLDER}\u202evsc.csv", FileRule.KEY_CHARACTERS),
        (f"{FOLDER}a\u200b.csv", FileRule.KEY_CHARACTERS),
        *((f"{FOLDER}a{character}.csv", FileRule.KEY_CHARACTERS) for character in "\ue000\u0378\u2028\u2029"),
        *((f"{FOLDER}a{character}.csv", FileRule.KEY_CHARACTERS) for character in '<>"`|\\'),
        *((f"{FOLDER}{character}a.csv", FileRule.KEY_CHARACTERS) for character in "=+-@"),
        (f"{FOLDER}<script>alert(1)</script>.csv", FileRule.KEY_CHARACTERS),
        (f"{FOLDER}\ud800.csv", FileRule.KEY_CHARACTERS),
    ],
)
def test_a_key_that_leads_nowhere_is_refused_without_repeating_it(key: str, rule: FileRule) -> None:
    with pytest.raises(KeyRefused) as refused:
        parse_key(key)
    assert refused.value.rules == (rule,)
    assert key.rsplit("/", 1)[-1] not in str(refused.value).split()


@pytest.mark.parametrize("letter", ["a", "é"])
@pytest.mark.parametrize(("length", "refused"), [(-1, False), (0, False), (1, True)])
def test_a_key_may_be_as_long_as_s3_allows(letter: str, length: int, refused: bool) -> None:  # noqa: FBT001 (pytest passes it by name)
    room = LONGEST_KEY + length - len(FOLDER)
    wide = len(letter.encode())
    key = FOLDER + "b" * (room % wide) + letter * (room // wide)
    assert len(key.encode()) == LONGEST_KEY + length
    if refused:
        with pytest.raises(KeyRefused) as error:
            parse_key(key)
        assert error.value.rules == (FileRule.KEY_TOO_LONG,)
    else:
        assert parse_key(key).key == key


def test_a_receipt_has_a_safe_key_whatever_the_inbox_key() -> None:
    assert receipt_key(f"{FOLDER}a.csv", "v1") == f"receipts/{FOLDER}a.csv.v1.json"
    for unsafe in ("inbox/\ud800", "inbox/a\n", "inbox/../x", "inbox/<b>", "inbox//x"):
        made = receipt_key(unsafe, "v1")
        assert made.startswith("receipts/by-digest/")
        assert made.endswith(".v1.json")
    assert receipt_key("inbox/a\n", "v1") != receipt_key("inbox/b\n", "v1")


@pytest.mark.parametrize(("length", "readable"), [(-1, True), (0, True), (1, False)])
def test_a_receipt_key_is_readable_while_s3_allows_it(length: int, readable: bool) -> None:  # noqa: FBT001 (pytest passes it by name)
    key = "inbox/" + "a" * (LONGEST_KEY + length - len("receipts/inbox/.v1.json"))
    made = receipt_key(key, "v1")
    assert (made == f"receipts/{key}.v1.json") == readable
    assert len(made.encode()) <= LONGEST_KEY
