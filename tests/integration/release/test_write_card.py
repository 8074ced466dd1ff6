"""Write Card: an edition per release and per news of monitoring, each kept, none written twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import s3
from clinrisk.errors import EvidenceChanged, TransientError
from tests.integration.approval_request import RequestedApproval
from tests.integration.events import events_of, read_event
from tests.integration.trained_candidate import RUN, WaitingExecution

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Stack

RELEASED = {"use_case": "heart", "live_version": 1}
FOLDER = f"reports/heart/{RUN}/editions/"
ALERT = "inbox/heart/inference/2026-03-03.csv: In 200 patients with known outcome the AUC is 0.710."


@pytest.fixture
def asked(stack: Stack) -> RequestedApproval:
    """A model that was approved and released."""
    approved = RequestedApproval(stack, WaitingExecution(stack).token)
    approved.answer()
    approved.promote()
    return approved


def monitored(stack: Stack, case: str, run: str) -> dict[str, Any]:
    """Record the findings of a monitoring run; gives the event that follows."""
    event = read_event(f"record_findings.{case}") | {"execution": f"arn:execution:{run}"}
    return RELEASED | {"findings": stack.call("record_findings", event)["findings"]}


def edition(stack: Stack, number: int, form: str = "json") -> Any:
    uri = f"s3://clinrisk-results/{FOLDER}model-card-{number:04d}.{form}"
    return stack.read_json(uri) if form == "json" else stack.read(uri).decode()


def editions(stack: Stack) -> dict[str, bytes]:
    keys = [key for key in stack.keys("results") if key.startswith(FOLDER)]
    return {key.removeprefix(FOLDER): stack.read(f"s3://clinrisk-results/{key}") for key in keys}


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("name", events_of("write_card"))
def test_an_event_gives_the_second_edition(stack: Stack, name: str) -> None:
    event = read_event(name)
    if "findings" in event:
        event |= monitored(stack, "worse", "monitoring-1")
    assert stack.call("write_card", event) == {
        "edition": 2,
        "page": f"s3://clinrisk-results/{FOLDER}model-card-0002.html",
        "new": True,
    }


def test_a_release_and_what_monitoring_finds_are_editions_of_their_own(
    stack: Stack, asked: RequestedApproval
) -> None:
    first = stack.read(asked.candidate.uris["model_card_hti1"])
    stack.call("write_card", RELEASED)
    assert stack.call("write_card", monitored(stack, "quiet", "run-1"))["edition"] == 3
    assert stack.call("write_card", monitored(stack, "worse", "run-2"))["edition"] == 4
    assert sorted(editions(stack)) == [
        f"model-card-000{number}.{form}" for number in (2, 3, 4) for form in ("html", "json")
    ]
    released, quiet, worse = (edition(stack, number) for number in (2, 3, 4))
    assert released["since"].keys() == {"release"}
    assert "as live version 1, as the first one" in released["since"]["release"][0]
    assert released["since"]["release"][1] == "Reason given: Well calibrated in women too."
    assert released["since"]["release"][2].endswith("harm could go unseen: sex: women.")
    assert quiet["since"]["results"] == []
    assert quiet["answers"]["local_validity"]["source"] == "not available yet"
    assert quiet["since"]["findings"] == ["The newest monitoring run raised no alert."]
    assert worse["since"]["findings"] == [f"Performance. {ALERT}"]
    assert worse["since"]["release"] == released["since"]["release"]
    validity = {one["code"]: one for one in worse["source_attributes"]}["B8.ii"]
    assert (validity["answer"], validity["source"]) == (ALERT, "observed by monitoring")
    assert worse["answers"]["local_fairness"]["text"].endswith("The largest change is by sex.")
    assert worse["answers"]["intended_use"]["text"] == "intended_use"
    page = edition(stack, 4, "html")
    assert "What happened since" in page
    assert f"Performance. {ALERT}" in page
    assert stack.read(asked.candidate.uris["model_card_hti1"]) == first


@pytest.mark.usefixtures("asked")
def test_the_same_facts_again_change_nothing(stack: Stack) -> None:
    events = [RELEASED, monitored(stack, "worse", "run-1")]
    made = [stack.call("write_card", event) for event in events]
    before = editions(stack)
    # A second delivery of the release, the same run again, another one that found the same.
    for event in [*events, monitored(stack, "worse", "run-2")]:
        assert stack.call("write_card", event) == made[1] | {"new": False}
    assert editions(stack) == before


@pytest.mark.usefixtures("asked")
def test_an_edition_whose_page_is_missing_gets_it_from_the_next_call(stack: Stack) -> None:
    stack.call("write_card", RELEASED)
    page = edition(stack, 2, "html")
    stack.s3.delete_object(Bucket="clinrisk-results", Key=f"{FOLDER}model-card-0002.html")
    assert stack.call("write_card", RELEASED)["new"] is False
    assert edition(stack, 2, "html") == page


@pytest.mark.usefixtures("asked")
def test_of_two_editions_at_the_same_moment_one_takes_the_number_and_the_other_the_next(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = monitored(stack, "worse", "run-1")
    monkeypatch.setattr(s3, "store_json", overtaken(stack, s3.store_json))
    with pytest.raises(TransientError, match="Another edition 2 was written at the same moment"):
        stack.call("write_card", RELEASED)
    monkeypatch.undo()
    assert stack.call("write_card", event)["edition"] == 3
    assert edition(stack, 2)["since"] == {"release": ["Another."]}


def overtaken(stack: Stack, store: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `store_json` before which another writer takes the same key."""

    def stored(bucket: str, key: str, document: dict[str, Any], **more: Any) -> Any:
        store("clinrisk-results", key, document | {"since": {"release": ["Another."]}})
        return store(bucket, key, document, **more)

    return stored


def test_a_card_that_is_not_the_approved_one_gets_no_edition(stack: Stack, asked: RequestedApproval) -> None:
    asked.candidate.change("model_card_hti1", b"{}")
    with pytest.raises(EvidenceChanged):
        stack.call("write_card", RELEASED)
    assert editions(stack) == {}
