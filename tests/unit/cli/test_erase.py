"""`clinrisk erase` and `clinrisk hold`: what is asked of the function, and what people read."""

from __future__ import annotations

import io
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import clients
from clinrisk.core import object_keys
from clinrisk.messages.erasure import ErasePatientsResult, HoldFacts, LocationCount

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REQUEST = "3f0a1b2c4d5e6f70"
WHERE = (LocationCount(name="vault/", objects=2, rows=2), LocationCount(name="results/", objects=1, rows=4))
FOUND = ErasePatientsResult(stage="found", patients=2, locations=WHERE, objects=40, learned_by=("run-1",))
ERASED = FOUND.model_copy(update={"stage": "erased", "entry": "s3://audit/ledger/000000000012.json"})
ON_HOLD = HoldFacts(
    hold_id=REQUEST, patients=3, person="arn:aws:ann", reason="Case 7", placed_at="2026-03-01T09:30:00.000Z"
)


class Eraser:
    """Lambda, with the function that erases in it: it gives one answer after the other."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answers: list[ErasePatientsResult] = []
        self.broken = ""

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - AWS's names
        assert FunctionName == "the-eraser"
        self.asked.append(json.loads(Payload))
        if self.broken:
            document = json.dumps({"errorMessage": self.broken}).encode()
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(document)}
        return {"Payload": io.BytesIO(self.answers.pop(0).model_dump_json().encode())}


@pytest.fixture
def eraser(deployment: Any, monkeypatch: pytest.MonkeyPatch) -> Eraser:
    assert deployment.outputs["ErasePatientsFunction"] == "the-eraser"
    found = Eraser()
    monkeypatch.setattr(clients, "functions", cache(lambda: found))
    return found


@pytest.fixture
def ids(tmp_path: Path) -> Path:
    found = tmp_path / "ids.txt"
    found.write_text("9046\n51676\n", encoding="utf-8")
    return found


def test_a_dry_run_counts_by_place_and_prints_the_command_that_erases(
    eraser: Eraser, deployment: Any, ids: Path, clinrisk: Callable[..., Any]
) -> None:
    eraser.answers = [FOUND.model_copy(update={"stage": "searching"}), FOUND]
    shown = clinrisk("erase", "--use-case", "stroke", "--id-file", ids)
    assert shown.code == 0, shown.err
    [request] = {one["request_id"] for one in eraser.asked}
    assert {one["action"] for one in eraser.asked} == {"search"}
    stored = deployment.s3.get_object(
        Bucket=deployment.outputs["LakeBucket"], Key=object_keys.erasure_ids("stroke", request)
    )
    assert stored["Body"].read() == ids.read_bytes()
    assert f"{request} searching: 40 objects searched, 0 to erase" in shown.err
    assert "2 patients of stroke: found" in shown.out
    assert "vault/" in shown.out
    assert "run-1" in shown.out
    said = " ".join(shown.out.split())
    assert f"clinrisk erase --use-case stroke --request {request} --confirm" in said
    assert not [one for one in ("9046", "51676") if one in shown.out + shown.err + json.dumps(eraser.asked)]


def test_what_was_erased_is_stated_with_the_proof(eraser: Eraser, clinrisk: Callable[..., Any]) -> None:
    eraser.answers = [ERASED, ERASED]
    command = ("erase", "--use-case", "stroke", "--request", REQUEST, "--confirm")
    shown = " ".join(clinrisk(*command).out.split())
    assert "2 patients of stroke: erased" in shown
    assert "A search of 40 objects found nothing of them afterwards" in shown
    assert "000000000012.json" in shown
    assert "Nothing was changed" not in shown
    document = clinrisk(*command, "--json").json()
    assert (document["stage"], document["request_id"]) == ("erased", REQUEST)
    assert {(one["action"], one["request_id"]) for one in eraser.asked} == {("erase", REQUEST)}


def test_what_is_refused_is_shown_in_the_functions_words(
    eraser: Eraser, ids: Path, clinrisk: Callable[..., Any]
) -> None:
    eraser.answers = [ErasePatientsResult(stage="refused", refused="1 of the 2 patients are on legal hold.")]
    refused = clinrisk("erase", "--use-case", "stroke", "--id-file", ids, "--confirm")
    assert (refused.code, "on legal hold" in refused.err, "nothing was changed" in refused.err) == (
        1,
        True,
        True,
    )
    eraser.broken = "Rows of these patients are written again and again."
    broken = clinrisk("erase", "--use-case", "stroke", "--request", REQUEST)
    assert (broken.code, "again and again" in broken.err, "it goes on where" in broken.err) == (1, True, True)


@pytest.mark.parametrize("more", [(), ("--request", REQUEST, "--id-file", __file__)])
def test_a_request_is_new_or_was_begun(
    eraser: Eraser, clinrisk: Callable[..., Any], more: tuple[str, ...]
) -> None:
    answer = clinrisk("erase", "--use-case", "stroke", *more)
    assert (answer.code, "--id-file" in answer.err, eraser.asked) == (2, True, [])


def test_a_hold_is_placed_listed_and_released(
    eraser: Eraser, ids: Path, clinrisk: Callable[..., Any]
) -> None:
    held = ErasePatientsResult(stage="held", holds=(ON_HOLD,))
    over = ON_HOLD.model_copy(update={"released_at": "2026-04-01T09:30:00.000Z"})
    eraser.answers = [held, held, ErasePatientsResult(stage="released", holds=(over,))]
    placed = clinrisk("hold", "--use-case", "stroke", "--id-file", ids, "--reason", "Case 7")
    assert (placed.code, REQUEST in placed.out, "Case 7" in placed.out) == (0, True, True)
    assert clinrisk("hold", "--use-case", "stroke", "--json").json()[0]["patients"] == 3
    released = clinrisk("hold", "--use-case", "stroke", "--release", REQUEST, "--reason", "It is over.")
    assert "2026-04-01" in released.out
    assert [(one["action"], one["reason"]) for one in eraser.asked] == [
        ("hold", "Case 7"),
        ("list_holds", ""),
        ("release", "It is over."),
    ]
    assert eraser.asked[-1]["request_id"] == REQUEST


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--release", REQUEST), "--reason"),
        (("--release", REQUEST, "--id-file", __file__, "--reason", "x"), "not both"),
        (("--id-file", __file__, "--reason", "  "), "--reason"),
    ],
)
def test_a_hold_states_one_thing_and_why(
    eraser: Eraser, clinrisk: Callable[..., Any], more: tuple[str, ...], words: str
) -> None:
    answer = clinrisk("hold", "--use-case", "stroke", *more)
    assert (answer.code, words in answer.err, eraser.asked) == (2, True, [])


def test_a_hold_that_there_is_not_is_refused_with_the_list(
    eraser: Eraser, clinrisk: Callable[..., Any]
) -> None:
    eraser.answers = [ErasePatientsResult(stage="refused", refused=f"There is no hold {REQUEST}.")]
    answer = clinrisk("hold", "--use-case", "stroke", "--release", REQUEST, "--reason", "It is over.")
    assert (answer.code, "There is no hold" in answer.err) == (1, True)
    assert "clinrisk hold --use-case stroke" in answer.err
