"""A release that nobody can answer is stopped, and what asked is started again, as whoever had asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import stepfunctions
from clinrisk.aws.tables import stops
from clinrisk.messages.operations import Stuck
from clinrisk.services.operations import open_questions

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

RUN = "heart-0123456789"


@pytest.fixture
def started(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was done to executions, in order."""
    done: list[tuple[Any, ...]] = []
    for machine in ("RELEASE", "TRAINING"):
        monkeypatch.setenv(f"{machine}_STATE_MACHINE", machine.lower())
    monkeypatch.setattr(stepfunctions, "address_of", lambda machine, name: f"{machine}:{name}")
    monkeypatch.setattr(stops, "note", lambda *given: done.append(("note", *given)))
    monkeypatch.setattr(stepfunctions, "stop", lambda address, *_: done.append(("stop", address)))

    def start(*given: Any) -> str:
        done.append(("start", *given))
        return "arn"

    monkeypatch.setattr(stepfunctions, "start", start)
    return done


def stuck(use_case: str, run_id: str) -> Stuck:
    return Stuck(
        kind="workflow_without_question",
        subject=run_id,
        name=f"{run_id}-release",
        use_case=use_case,
        since="2026-03-01T09:30:00.000Z",
        reason="It waits for an answer to a question that is gone.",
        command=f"clinrisk redrive {run_id}",
        startable=True,
    )


@pytest.mark.parametrize("asked_by", ["", "arn:aws:iam::1:user/kim"])
def test_a_run_is_evaluated_again_in_the_name_of_who_had_asked(
    started: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, asked_by: str
) -> None:
    monkeypatch.setattr(stepfunctions, "given_to", lambda _: {"asked_by": asked_by} if asked_by else {})
    assert open_questions.ask_again(stuck("heart", RUN), 2) == "arn"
    note, stop, (_, machine, name, given) = started
    assert (note[1], stop[1]) == (f"release:{RUN}-release",) * 2
    assert (machine, name) == ("training", f"{RUN}-evaluate-again2")
    assert (given["run_id"], given.get("person", "")) == (RUN, asked_by)


def test_the_reference_of_a_model_that_is_not_ours_is_asked_about_as_before(
    started: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {"action": "reference", "cohort": "Discharges of January"}
    monkeypatch.setattr(stepfunctions, "given_to", lambda _: before)
    open_questions.ask_again(stuck("readmission", "readmission-0123456789"), 1)
    assert started[-1] == ("start", "release", "readmission-0123456789-again1", before)
