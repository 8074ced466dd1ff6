"""Two candidates were compared with the same model: one is released, the other hears why not."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import PROJECT, started
from tests.e2e.release.test_shadow import Hospital, page
from twin.demo.approver import approve
from twin.demo.clinrisk_process import DemoError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.twin, pytest.mark.timeout(600)]
OVERTAKEN = "The evidence was made when no model was live, version 1 is live: evaluate again."


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """Two candidates wait, and nothing has ever been live."""
    with started(tmp_path_factory.mktemp("candidates")) as twin:
        outputs = json.loads(twin.command("deploy", str(PROJECT / "template.yaml"), "--json"))
        place = Hospital(twin, outputs)
        place.seen["links"] = []
        for number, name in enumerate(("first", "second"), start=1):
            place.drop("training", name, 400, seed=number)
            place.seen["links"].append(place.question(number)[1])
        yield place


def asked(hospital: Hospital, link: str) -> dict[str, Any]:
    """Return what the command says about the question behind a link."""
    listed = hospital.twin.clinrisk("approvals", "heart")
    return next(one for one in listed if one["approval_id"] in link)


def answered(link: str) -> str:
    """Approve as a browser would; gives the page's words when it refuses."""
    try:
        approve(link)
    except DemoError as refused:
        return str(refused)
    return ""


def test_a_changed_model_card_is_neither_shown_nor_approved(hospital: Hospital) -> None:
    link = hospital.seen["links"][0]
    s3, bucket = hospital.twin.client("s3"), hospital.outputs["ResultsBucket"]
    key = f"reports/heart/{asked(hospital, link)['run_id']}/model-card.json"
    genuine = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert json.loads(genuine)["use_case"] == "heart"
    s3.put_object(Bucket=bucket, Key=key, Body=genuine.replace(b"heart", b"stone"))
    said = answered(link)
    assert "409" in said
    assert "The model card hti1 has changed" in said
    assert asked(hospital, link)["status"] == "PENDING"
    s3.put_object(Bucket=bucket, Key=key, Body=genuine)
    assert "model card hti1" in page(link)


def test_of_two_approvals_at_once_one_is_released_and_the_other_gets_the_reason(hospital: Hospital) -> None:
    links = hospital.seen["links"]
    with ThreadPoolExecutor(2) as both:
        refused = list(both.map(answered, links))
    # The slower of the two may already read on the page that it came too late.
    if any(refused):
        [told] = [one for one in refused if one]
        assert OVERTAKEN in told or "cannot be released" in told
        overtaken = links[refused.index(told)]
    else:
        ended = hospital.ended("Release", 2)
        assert sorted(one["status"] for one in ended) == ["FAILED", "SUCCEEDED"]
        [overtaken] = [one for one in links if not asked(hospital, one).get("live_version")]
        assert asked(hospital, overtaken)["outcome"] == f"Not released. {OVERTAKEN}"
        letters = [one["body"] for one in hospital.letters("operator")]
        assert any(OVERTAKEN in body and "stays live" in body for body in letters)
    hospital.ended("Release", 1)
    assert OVERTAKEN in page(overtaken)
    [released] = [one for one in links if one != overtaken]
    assert asked(hospital, released)["outcome"] == "Live version 1."
    live = hospital.twin.clinrisk("live", "heart", "--history")["heart"]
    assert live["live"]["approval_id"] in released
    assert [one["live_version"] for one in live["history"]] == [1]


def test_the_ledger_holds_decisions_with_the_evidence_that_was_on_the_page(hospital: Hospital) -> None:
    s3, bucket = hospital.twin.client("s3"), hospital.outputs["AuditBucket"]
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix="ledger/")["Contents"]]
    [approved] = [
        key for key in keys if key.endswith("-approved.json") and asked_live(hospital)["approval_id"] in key
    ]
    entry = json.loads(s3.get_object(Bucket=bucket, Key=approved)["Body"].read())
    assert {"evaluation", "report", "model_card", "comparison/replay"} <= set(entry["evidence"])
    assert entry["digests"]["champion_version"] == "0"
    assert "ledger/heart/00000001-promoted.json" in keys


def asked_live(hospital: Hospital) -> dict[str, Any]:
    live: dict[str, Any] = hospital.twin.clinrisk("live", "heart")["heart"]["live"]
    return live
