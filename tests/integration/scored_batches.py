"""A live model and the batches it scored: one like the training patients, one from another hospital."""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from cli.local_files import synthetic_cohort
from clinrisk import use_cases
from clinrisk.aws import dynamodb, kms, ledger, s3
from clinrisk.aws.tables import uploads
from clinrisk.core import object_keys
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.core.profiles.score_profile import score_profile_of
from clinrisk.messages.ingest import Disposition, Settlement
from clinrisk.messages.message import Reference
from clinrisk.messages.release import LiveModel, SignedDecision
from clinrisk.messages.training import Digests

if TYPE_CHECKING:
    from clinrisk.core.ingest.chunk import ParsedChunk
    from clinrisk.core.profiles.score_profile import ScoreProfile
    from tests.integration.conftest import Stack

HEART = use_cases.get("heart")
LAKE = "clinrisk-lake"
RUN = "heart-0123456789"
THRESHOLD = 0.4
PROMOTED_AT = "2026-02-01T00:00:00.000Z"
# The last moment before, the moment itself, and the first one after.
AROUND_PROMOTION = ("2026-01-31T23:59:59.999Z", PROMOTED_AT, "2026-02-01T00:00:00.001Z")
# Upload ids, as the files in events/ name them.
LIKE_TRAINING = "a" * 20
OTHER_HOSPITAL = "b" * 20
BEFORE_GOING_LIVE = "c" * 20
OUTCOMES = "d" * 20
FEEDBACK = "e" * 20


@cache
def read(*, rows: int, seed: int, shift: str | None) -> ParsedChunk:
    """Ingest synthetic patients."""
    data = synthetic_cohort.draw("heart", rows=rows, seed=seed, shift=shift)
    header, _, body = data.partition(b"\n")
    return read_chunk(body, HEART, "training", header.decode().split(","), 1, b"k" * 32)


class ScoredBatches:
    """Fills a stack's Lake and tables as ingest, training and scoring would."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        training = read(rows=600, seed=1, shift=None)
        assert training.profile is not None
        s3.store_json(LAKE, object_keys.candidate("heart", RUN, "reference.json"), training.profile.to_dict())
        labelled = self._profile(self._predictions(training.features, seed=1), training.features["label"])
        evaluation = {"models": {"xgboost": {"auc": [0.9, 0.87, 0.93]}}, "groups": labelled.to_dict()}
        s3.store_json(LAKE, object_keys.candidate("heart", RUN, "evaluation.json"), evaluation)
        go_live(stack)
        self.labels = {
            LIKE_TRAINING: self.score(LIKE_TRAINING, "2026-03-02", seed=2),
            OTHER_HOSPITAL: self.score(OTHER_HOSPITAL, "2026-03-03", seed=3, shift="district_hospital"),
            BEFORE_GOING_LIVE: self.score(BEFORE_GOING_LIVE, "2026-01-01", seed=4),
        }

    def score(
        self,
        upload_id: str,
        day: str,
        *,
        seed: int,
        shift: str | None = None,
        rows: int = 200,
        learned: int = 0,
    ) -> pl.DataFrame:
        """Ingest and score a batch, the first ones seen in training; gives the labels nobody knows yet."""
        chunk = read(rows=rows, seed=seed, shift=shift)
        assert chunk.profile is not None
        s3.store_json(LAKE, object_keys.profile("heart", upload_id), chunk.profile.to_dict())
        marks = pl.Series("learned", [row < learned for row in range(chunk.features.height)])
        predictions = self._predictions(chunk.features, seed).with_columns(marks)
        self._store_frame(object_keys.predictions("heart", upload_id), predictions)
        profile = self._profile(predictions).to_dict()
        s3.store_json(LAKE, object_keys.score_profile("heart", upload_id), profile)
        settle(upload_id, f"{day}T00:00:00.000Z", chunk.counts.accepted)
        return chunk.features.select("record_id", "label")

    def arrive(
        self,
        outcomes: pl.DataFrame,
        upload_id: str = OUTCOMES,
        day: str = "2026-04-01",
        *,
        known_on: str | None = None,
        replaces: bool = False,
    ) -> None:
        """Commit an outcomes upload; its outcomes are of the day of its arrival, unless known earlier."""
        dated = outcomes.with_columns(
            pl.lit(known_on or day).str.to_date().alias("date"), pl.lit(replaces).alias("replaces")
        )
        self._store_frame(object_keys.outcomes("heart", upload_id, 0), dated)
        settle(upload_id, f"{day}T00:00:00.000Z", len(outcomes), "outcomes")

    def respond(self, responses: pl.DataFrame, upload_id: str = FEEDBACK, day: str = "2026-04-02") -> None:
        """Commit an upload of feedback: patient, response, reason, role and date."""
        self._store_frame(object_keys.feedback("heart", upload_id, 0), responses)
        settle(upload_id, f"{day}T00:00:00.000Z", len(responses), "feedback")

    def join(self, upload_id: str = OUTCOMES) -> dict[str, int]:
        """Run Join Outcomes on an upload; gives the patients of each status that has some."""
        answer = self.stack.call("join_outcomes", {"use_case": "heart", "upload_id": upload_id})
        return {name: n for name, n in answer.items() if n and type(n) is int}

    def select(self) -> Any:
        """Run Select Batches."""
        return self.stack.call("select_batches", {"use_case": "heart"})

    def _predictions(self, features: pl.DataFrame, seed: int) -> pl.DataFrame:
        """Score patients as a calibrated model with an AUC of about .9 would."""
        label = features["label"].to_numpy()
        evidence = np.random.default_rng(seed).normal(label * 1.8, 1)
        prevalence = label.mean()
        odds = prevalence / (1 - prevalence) * np.exp(1.8 * evidence - 1.8**2 / 2)
        risk = odds / (1 + odds)
        scored = pl.DataFrame({"risk": risk, "flagged": risk >= THRESHOLD, "model_version": "1"})
        return features.select("record_id", "row", *HEART.group_columns).hstack(scored)

    def _profile(self, predictions: pl.DataFrame, labels: pl.Series | None = None) -> ScoreProfile:
        groups = {a.name: predictions[f"group_{a.name}"].to_numpy() for a in HEART.protected}
        return score_profile_of(
            HEART,
            predictions["risk"].to_numpy(),
            predictions["flagged"].to_numpy(),
            groups,
            None if labels is None else labels.to_numpy(),
            learned=predictions["learned"].to_numpy() if "learned" in predictions.columns else None,
        )

    def _store_frame(self, key: str, frame: pl.DataFrame) -> None:
        stream = io.BytesIO()
        frame.write_parquet(stream)
        s3.store(LAKE, key, stream.getvalue())


def settle(
    upload_id: str,
    settled_at: str,
    rows: int,
    purpose: str = "inference",
    *,
    labelled: int = 0,
    disposition: Disposition = Disposition.ACCEPTED,
    receipt: str = "{}",
) -> None:
    """Commit an upload of heart."""
    address = Reference(uri=f"s3://clinrisk-results/receipts/{upload_id}.json", sha256="0" * 64)
    uploads.settle(
        Settlement(
            upload_id=upload_id,
            key=f"inbox/heart/{purpose}/{settled_at[:10]}.csv",
            version_id="v1",
            use_case="heart",
            purpose=purpose,
            sha256=upload_id * 3 + "0000",
            disposition=disposition,
            rows_accepted=rows,
            rows_quarantined=2,
            labelled_rows=labelled,
            receipt=address,
            settled_at=settled_at,
        ),
        receipt,
    )


def go_live(
    stack: Stack, use_case: str = "heart", *, threshold: float = THRESHOLD, feature_digest: str = "0" * 64
) -> LiveModel:
    """Make a model live at PROMOTED_AT that a person has approved; what it lacks in the Lake is put there."""
    run_id = f"{use_case}-0123456789"
    files = {"model": "model.tar.gz", "reference": "reference.json", "evaluation": "evaluation.json"}
    keys = {name: object_keys.candidate(use_case, run_id, file) for name, file in files.items()}
    s3.store(LAKE, keys["model"], b"model")
    for name in ("reference", "evaluation"):
        s3.store(LAKE, keys[name], b"{}", once=True)
    uris = {name: s3.uri_of(LAKE, key) for name, key in keys.items()}
    names = ("manifest", "report", *object_keys.MODEL_CARD, "code")
    hashed = dict.fromkeys(names, "0" * 64) | {name: s3.digest(uri) for name, uri in uris.items()}
    live = LiveModel(
        live_version=1,
        use_case=use_case,
        run_id=run_id,
        model_name="model-0",
        package_arn=f"arn:aws:sagemaker:eu-central-1:123456789012:model-package/clinrisk-{use_case}/1",
        package_version=1,
        threshold=threshold,
        model_uri=uris["model"],
        reference_uri=uris["reference"],
        evaluation_uri=uris["evaluation"],
        feature_digest=feature_digest,
        digests=Digests(
            **hashed,
            features=feature_digest,
            image="image",
            threshold=repr(threshold),
            champion_version="0",
        ),
        approval_id="approval",
        promoted_at=PROMOTED_AT,
        decision=SignedDecision(
            decision="APPROVED",
            decided_at=PROMOTED_AT,
            reason="Well calibrated.",
            evidence={},
            accepted=(),
            signature="",
            format=3,
        ),
    )
    signature = kms.sign(ledger.decision_behind(live).signed_content)
    assert live.decision is not None
    live = live.model_copy(update={"decision": live.decision.model_copy(update={"signature": signature})})
    if not stack.sagemaker.list_models(NameContains=live.model_name)["Models"]:
        stack.sagemaker.create_model(
            ModelName=live.model_name,
            ExecutionRoleArn="arn:aws:iam::123456789012:role/serve",
            PrimaryContainer={"Image": "image", "ModelDataUrl": live.model_uri},
        )
    table = stack.environment["DEPLOYMENTS_TABLE"]
    dynamodb.write(table, {"pk": f"USE_CASE#{use_case}", "sk": "LIVE"} | live.model_dump())
    ledger.write_release(live)
    return live
