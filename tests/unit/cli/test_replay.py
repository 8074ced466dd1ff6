"""`clinrisk replay`: which results it has made again, and what it prints of what was found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from moto.stepfunctions.models import stepfunctions_backends

from clinrisk.aws import stepfunctions
from clinrisk.core import object_keys
from clinrisk.core.scoring.replay_entry import ReplayEntry
from tests.unit.cli.conftest import REGION
from tests.unit.cli.test_audit import write

if TYPE_CHECKING:
    from collections.abc import Callable

UPLOAD, OTHER = "a" * 20, "b" * 20
DAY = "2026-03-02"
ENTRY = ReplayEntry(
    use_case="heart",
    upload_id=UPLOAD,
    results_version_id="v2",
    results_sha256="2" * 64,
    stored_sha256="2" * 64,
    replayed_sha256="2" * 64,
    live_version=2,
    code_sha256="3" * 64,
    rows=1200,
    outcome="SAME",
    difference="",
    first_row=None,
    columns=(),
    person="kim",
    execution="",
    replayed_at="2026-03-09T09:30:00.000Z",
)
DIFFERENCE = "The stored file was altered after it was published: the first row that differs is 18 in risk."


MADE_AT = f"{DAY}T10:00:00.000Z"


def sidecar(upload: str, *replaces: dict[str, Any], scored_at: str = MADE_AT) -> dict[str, Any]:
    return {
        "upload": {"upload_id": upload, "key": "inbox/heart/inference/ward.csv"},
        "results": {"uri": "s3://results/x.csv", "version_id": "v2", "sha256": "2" * 64},
        "scored_at": scored_at,
        "model": {"live_version": 2},
        "replaces": list(replaces),
    }


@pytest.fixture
def started(deployment: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was started; of one upload each execution leaves an entry, of the other one it fails."""
    before = {"live_version": 1, "scored_at": f"{DAY}T09:00:00.000Z", "version_id": "v1", "sha256": "1" * 64}
    deployment.write("ResultsBucket", object_keys.sidecar("heart", "ward", UPLOAD), sidecar(UPLOAD, before))
    later = sidecar(OTHER, scored_at="2026-03-03T00:00:00.000Z")
    deployment.write("ResultsBucket", object_keys.sidecar("heart", "ward", OTHER), later)
    deployment.write("ResultsBucket", object_keys.recalled("heart", "ward", OTHER), "recalled")
    backend: Any = stepfunctions_backends["123456789012"][REGION]
    found: list[Any] = []
    kept: list[ReplayEntry] = []
    leaves = {
        "v2": replace(ENTRY),
        "v1": replace(
            ENTRY, outcome="DIFFERENT", difference=DIFFERENCE, first_row=18, columns=("risk",), rows=7
        ),
    }
    start = stepfunctions.start

    def noted(machine: str, name: str, given: Any) -> str:
        found.append(given)
        if given["upload_id"] == UPLOAD:
            kept.append(replace(leaves[given["version_id"]], execution=name))
            write(deployment, *kept)
        return start(machine, name, given)

    def end(_: float) -> None:
        for execution in (one for machine in backend.state_machines for one in machine.executions):
            execution.status, execution.stop_date = "FAILED", execution.start_date
            execution.error, execution.cause = "ReplayImpossible", "The features are gone."

    monkeypatch.setattr(stepfunctions, "start", noted)
    monkeypatch.setattr("time.sleep", end)
    return found


def test_a_day_has_all_its_results_made_again_the_replaced_ones_too(
    started: list[Any], clinrisk: Callable[..., Any]
) -> None:
    answer = clinrisk("replay", "heart", "--day", DAY, "--json")
    current, replaced = answer.json()
    assert answer.code == 1
    assert [(one["upload_id"], one["version_id"]) for one in started] == [(UPLOAD, "v2"), (UPLOAD, "v1")]
    assert started[0]["person"].startswith("arn:aws:sts::123456789012:")
    assert (current["outcome"], current["state"]) == ("SAME", "CURRENT")
    assert (current["rows"], current["entry"]) == (1200, 1)
    assert (replaced["outcome"], replaced["state"], replaced["live_version"]) == ("DIFFERENT", "REPLACED", 1)
    assert (replaced["first_row"], replaced["columns"], replaced["why"]) == (18, ["risk"], DIFFERENCE)
    shown = clinrisk("replay", "heart", "--day", DAY)
    words = " ".join(shown.out.split())
    assert all(part in words for part in ("SAME", "DIFFERENT", "1,200", "heart/inference/ward.csv"))
    assert "2 of 2" in shown.err


def test_all_the_same_ends_with_0(started: list[Any], clinrisk: Callable[..., Any], deployment: Any) -> None:
    deployment.write("ResultsBucket", object_keys.sidecar("heart", "ward", UPLOAD), sidecar(UPLOAD))
    assert clinrisk("replay", "heart", "--id", UPLOAD, "--json").code == 0
    assert len(started) == 1


def test_what_cannot_be_made_again_is_named_with_the_reason(
    started: list[Any], clinrisk: Callable[..., Any]
) -> None:
    answer = clinrisk("replay", "heart", "--id", OTHER)
    assert (answer.code, len(started)) == (1, 1)
    words = " ".join(answer.out.split())
    assert all(part in words for part in ("NOT REPLAYED", "RECALLED", "The features are gone."))


def test_results_that_state_no_version_start_nothing(
    started: list[Any], clinrisk: Callable[..., Any], deployment: Any
) -> None:
    old = sidecar(UPLOAD)
    del old["results"]["version_id"]
    deployment.write("ResultsBucket", object_keys.sidecar("heart", "ward", UPLOAD), old)
    [one] = clinrisk("replay", "heart", "--id", UPLOAD, "--json").json()
    assert (one["outcome"], started) == ("NOT_REPLAYED", [])
    assert "an earlier edition" in one["why"]


def test_a_sidecar_that_is_none_is_named(
    started: list[Any], clinrisk: Callable[..., Any], deployment: Any
) -> None:
    key = object_keys.sidecar("heart", "ward", UPLOAD)
    deployment.write("ResultsBucket", key, {"upload": "altered"})
    answer = clinrisk("replay", "heart", "--id", UPLOAD)
    assert (answer.code, started) == (1, [])
    assert f"{key} is not what was written there." in answer.err


def test_a_day_without_results_and_a_command_without_a_day_say_what_to_do(
    started: list[Any], clinrisk: Callable[..., Any]
) -> None:
    none = clinrisk("replay", "heart", "--day", "2026-03-01")
    assert (none.code, started) == (1, [])
    assert "No results of heart were published on 2026-03-01 (UTC)." in none.err
    assert "clinrisk batches heart" in none.err
    assert clinrisk("replay", "heart").code == 2
