import json
from dataclasses import asdict, replace

from clinrisk.core.digests import canonical_json
from clinrisk.core.release.ledger_entries import DecisionEntry, RefusalEntry, ReleaseEntry

ENTRY = ReleaseEntry(
    use_case="heart",
    live_version=3,
    previous_version=2,
    run_id="heart-0123456789",
    package_arn="arn:aws:sagemaker:eu-west-1:123456789012:model-package/clinrisk-heart/3",
    package_version=3,
    approval_id="a1",
    decided_at="2026-01-02T03:04:05.000Z",
    effective_at="2026-01-02T03:05:00.000Z",
    reason="Calibration holds in every group.",
    threshold=0.31,
    digests={"model": "0" * 64},
    evidence={"report": "1" * 64, "comparison/replay": "2" * 64},
    evaluation_name="heart-0123456789",
)


def test_a_release_is_known_by_use_case_and_version() -> None:
    assert (ENTRY.identity, ENTRY.moment) == ("heart/releases/00000003", ENTRY.effective_at)


def test_a_question_is_decided_once_and_refused_once_for_each_reason() -> None:
    facts = {
        "use_case": "heart",
        "run_id": "heart-1",
        "package_arn": "arn",
        "package_version": 3,
        "approval_id": "a1",
        "decided_at": "2026-01-02T03:04:05.000Z",
        "digests": {"model": "0" * 64},
    }
    decision = DecisionEntry(**facts, decision="REJECTED", reason="No.", evidence={})  # type: ignore[arg-type]
    refusal = RefusalEntry(**facts, refused_at="2026", refusal="The report has changed.")  # type: ignore[arg-type]
    assert (decision.identity, decision.moment) == ("heart/decisions/a1", decision.decided_at)
    assert refusal.identity.startswith("heart/not-released/a1-")
    assert (refusal.moment, refusal.is_in(refusal.body() | {"refused_at": "2027"})) == ("2026", True)
    assert replace(refusal, refusal="The model has changed.").identity != refusal.identity
    assert json.loads(canonical_json(asdict(refusal)))["refusal"] == "The report has changed."
    assert json.loads(canonical_json(asdict(decision)))["decision"] == "REJECTED"


def test_an_entry_holds_each_fact_once_in_one_spelling() -> None:
    facts = json.loads(canonical_json(asdict(ENTRY)))
    assert facts == vars(ENTRY)
    assert (facts["event"], facts["format"]) == ("promoted", 2)
    assert canonical_json(asdict(ENTRY)) == json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
