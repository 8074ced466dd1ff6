"""Facts for the page of a live model, as a year of monitoring would leave them."""

from __future__ import annotations

from typing import Any

import numpy as np

from clinrisk import use_cases
from clinrisk.core.monitoring.changes import Change, ChangeKind, Effect
from clinrisk.core.monitoring.page.outcome_figures import figures_of
from clinrisk.core.monitoring.page.page_facts import PageFacts, PastRelease
from clinrisk.core.monitoring.sequential import Sequential
from clinrisk.core.profiles.feedback_profile import FeedbackProfile, GroupFeedback, Responses
from clinrisk.core.profiles.score_profile import ScoreProfile, score_profile_of
from clinrisk.messages.monitoring import Batch, Finding, FindingChange, KnownFinding
from clinrisk.messages.release import Decider, LiveModel, Rollback, SignedDecision

HEART = use_cases.get("heart")
BATCH = "inbox/heart/inference/ward-7.csv"
GROUP: dict[str, Any] = {"n": 400, "flagged": 200, "positives": 200, "tp": 150, "fp": 50, "fn": 50}
GROUP |= {"observed_to_expected": [1.0, 0.9, 1.1]}
CURVES = {"calibration": {"points": [{"risk": 0.5, "observed": [0.5, 0.4, 0.6]}]}}
APPROVED = {"auc": [0.83, 0.79, 0.87], "observed_to_expected": [1.0, 0.9, 1.1], "recall": [0.9, 0.85, 0.94]}

FLAGGED, OTHERS = Responses(100, 40, 20, 10), Responses(300, 27, 3, 0)
EVERYONE = GroupFeedback(FLAGGED, OTHERS)
FEW = GroupFeedback(Responses(19, 9, 1, 0), Responses(0))
FEEDBACK = FeedbackProfile(
    groups={
        "all": {"all": EVERYONE},
        "band": {"high": EVERYONE},
        "sex": {"female": FEW, "male": EVERYONE},
    },
    roles={"nurse": {"not_seen": 7}, "physician": {"accepted": 67, "overridden": 23, "not_seen": 10}},
    reasons={"already_managed": 15, "": 8},
)


def labelled(rows: int, seed: int = 1) -> ScoreProfile:
    """Return the counts of patients whose risks are right, in equal groups."""
    rng = np.random.default_rng(seed)
    risks = rng.uniform(0, 1, rows)
    groups = {one.name: np.resize(np.array(one.group_names[:2]), rows) for one in HEART.protected}
    return score_profile_of(HEART, risks, risks >= 0.5, groups, rng.uniform(0, 1, rows) < risks)


def change(subject: str, size: float, low: float, kind: ChangeKind = ChangeKind.SHIFT) -> Change:
    return Change(subject, kind, Effect(size, low, 0.1), 0.5, "words")


def live(**changes: Any) -> LiveModel:
    decider = Decider(
        approver_id="a",
        name="Ann Müller",
        role="clinical",
        decided_at="2026-01-31T10:00:00.000Z",
        reason="Well calibrated.",
        shown="0" * 64,
    )
    decision = SignedDecision(
        decision="APPROVED",
        deciders=(decider,),
        decided_at="2026-01-31T10:00:00.000Z",
        reason="Well calibrated.",
        evidence={},
        accepted=(),
        signature="s",
        format=1,
    )
    facts: dict[str, Any] = {
        "use_case": "heart",
        "run_id": "heart-0123456789",
        "model_name": "model-2",
        "threshold": 0.5,
        "live_version": 2,
        "previous_version": 1,
        "feature_digest": "0" * 64,
        "approval_id": "approval-2",
        "promoted_at": "2026-02-01T00:00:00.000Z",
        "decision": decision,
    }
    facts |= changes
    return LiveModel.model_construct(**facts)


def finding(check: str, verdict: str) -> Finding:
    facts = {"check": check, "batch": BATCH, "verdict": verdict, "detail": "Found."}
    return Finding.model_validate(facts | {"statistic": 1.2, "threshold": 1.0})


def known(**changes: Any) -> KnownFinding:
    opened = FindingChange(
        number=1, kind="OPENED", at="2026-03-02T09:30:00.000Z", by="monitoring", note="n", execution="run-1"
    )
    facts = {
        "finding_id": "heart-drift",
        "use_case": "heart",
        "check": "drift",
        "subject": "single batches",
        "state": "OPEN",
        "owner": "operator",
        "due": "2026-03-16T09:30:00.000Z",
        "batches": (BATCH,),
        "excess": 1.0,
        "detail": "Age moved.",
        "version": 1,
        "changes": (opened,),
    }
    return KnownFinding.model_validate(facts | changes)


def page_facts(**changes: Any) -> PageFacts:
    """Return the facts of a model with a year of outcomes, one open finding and one earlier release."""
    profile = labelled(2400)
    months = [
        figures_of(f"2026-{month:02d}", labelled(200, month), (250, 125), Sequential())
        for month in range(2, 12)
    ]
    counts = {
        attribute: dict.fromkeys(groups, GROUP)
        for attribute, groups in profile.attributes.items()
        if attribute != "all"
    }
    evaluation = {"models": {"xgboost": APPROVED}, "groups": counts, "curves": CURVES}
    batch = Batch(upload_id="a" * 20, key=BATCH, rows=200, profile="s3://lake/profile.json")
    facts: dict[str, Any] = {
        "live": live(),
        "evaluation": evaluation,
        "made_at": "2026-12-01T06:00:00.123Z",
        "run": "run-1",
        "scored": profile,
        "labelled": profile,
        "predicted": (2500, 1250),
        "outcomes": {},
        "months": months,
        "since_release": figures_of("all since the release", profile, (2500, 1250), Sequential()),
        "known": [known(overdue=True), known(finding_id="heart-bias", state="RESOLVED")],
        "findings": [finding("drift", "ALERT"), finding("bias", "OK")],
        "batches": [batch],
        "changes": [[change("age (age)", 2.0, 0.75), change("sex (sex)", 0.2, -0.3)]],
        "releases": [
            PastRelease.of(
                {
                    "live_version": version,
                    "promoted_at": f"2026-0{version}-01T00:00:00.000Z",
                    "run_id": "run",
                },
                evaluation,
            )
            for version in (2, 1)
        ],
    }
    return PageFacts(**(facts | changes))


def rolled_back() -> LiveModel:
    rollback = Rollback(restores=1, person="arn:aws:iam::1:user/ada", reason="Worse in women.", execution="e")
    return live(live_version=3, previous_version=2, rollback=rollback)
