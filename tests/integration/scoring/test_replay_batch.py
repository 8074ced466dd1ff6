"""Published results held against what is stored: the same, altered, by an earlier model, with parts lost."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from boto3.dynamodb.conditions import Attr

from clinrisk.aws import dynamodb, ledger
from clinrisk.aws.tables import deployments, pauses
from clinrisk.core import object_keys
from clinrisk.core.timestamps import stamp
from clinrisk.core.training.deployment_entry import DeploymentEntry
from clinrisk.errors import CountsDisagree, EvidenceChanged, ReleaseAltered, ReplayImpossible
from clinrisk.messages.live_changes import Pause
from clinrisk.services.training import publish_job_code
from tests.integration.events import events_of, read_event
from tests.integration.inbox_files import Ingest, stroke_batch
from tests.integration.presented_results import publish_event
from tests.integration.scored_batches import PROMOTED_AT
from tests.integration.state_machines import ENDS, state_machines

if TYPE_CHECKING:
    from clinrisk.messages.release import LiveModel
    from tests.integration.conftest import Stack

RUN = "replays/stroke/{}/run-1/presented/"


ABOUT = [name.partition(".")[2] for name in events_of("replay_batch")]


class ReplayedBatch:
    """A batch whose results are published, and a replay of it that has been presented."""

    def __init__(self, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stack = stack
        monkeypatch.setattr("clinrisk.services.ingest.plan_chunks.CHUNK_BYTES", 400)
        self.upload, _ = Ingest.of(stack, "inbox/stroke/inference/ward.csv", stroke_batch(20)).run()
        code, self.code = publish_job_code.publish()
        self.code_prefix = code
        self.deploy("at-first", self.code, "2026-01-01T00:00:00.000Z")
        self.event = publish_event(stack, self.upload)
        live = deployments.live("stroke")
        self.keep(live)
        self.version_id = self.publish("scoring-1")
        self.present()

    @property
    def folder(self) -> str:
        """Where the parts of the replay lie."""
        return RUN.format(self.upload["upload_id"])

    @property
    def results_key(self) -> str:
        """Where the results lie."""
        return object_keys.results("stroke", "ward", self.upload["upload_id"])

    def deploy(self, request: str, code: str, at: str) -> None:
        """Record a deployment."""
        ledger.append(
            DeploymentEntry(
                stack="clinrisk",
                request=request,
                change="Update",
                layer="layer",
                code_sha256=code,
                deployed_at=at,
            )
        )

    def keep(self, model: LiveModel) -> None:
        """Let the history have a model."""
        key = {"pk": "USE_CASE#stroke", "sk": f"VERSION#{model.live_version:08d}"}
        dynamodb.write(self.stack.environment["DEPLOYMENTS_TABLE"], key | model.model_dump())

    def release_next(self, at: str) -> None:
        """Make another version live."""
        after = deployments.live("stroke").model_copy(
            update={"live_version": 2, "previous_version": 1, "promoted_at": at}
        )
        table = self.stack.environment["DEPLOYMENTS_TABLE"]
        dynamodb.write(table, {"pk": "USE_CASE#stroke", "sk": "LIVE"} | after.model_dump())
        self.keep(after)
        ledger.write_release(after)

    def publish(self, execution: str) -> str:
        """Publish the results and return the version of their file."""
        published = self.stack.call("publish_results", self.event | {"execution": f"arn:{execution}"})
        version: str = self.stack.read_json(published["sidecar"]["uri"])["results"]["version_id"]
        return version

    def present(self) -> None:
        """Leave what the jobs of a replay leave: the same as the scoring's."""
        presented = f"presented/stroke/{self.upload['upload_id']}/"
        for key in [key for key in self.stack.keys("lake") if key.startswith(presented)]:
            data = self.stack.read(f"s3://clinrisk-lake/{key}")
            self.stack.put("lake", self.folder + key.removeprefix(presented), data)

    def ask(self, about: str, **changes: Any) -> Any:
        """Run Replay Batch on the example event of a question."""
        own = {"upload_id": self.upload["upload_id"], "version_id": self.version_id}
        if about == "compare":
            own["presented_uri"] = f"s3://clinrisk-lake/{self.folder}"
        return self.stack.call("replay_batch", read_event(f"replay_batch.{about}") | own | changes)

    def alter(self, key: str, bucket: str = "results") -> None:
        """Change the last risk of a stored results file."""
        rows = self.stack.read(f"s3://clinrisk-{bucket}/{key}").split(b"\r\n")
        cells = rows[-2].split(b",")
        cells[2] = b"0.9123"
        rows[-2] = b",".join(cells)
        self.stack.put(bucket, key, b"\r\n".join(rows))


@pytest.fixture
def batch(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> ReplayedBatch:
    found = ReplayedBatch(stack, monkeypatch)
    stack.mails()
    return found


def versions(stack: Stack) -> list[tuple[str, str]]:
    return [
        (one["Key"], one["VersionId"])
        for bucket in ("lake", "results")
        for one in stack.s3.list_object_versions(Bucket=f"clinrisk-{bucket}")["Versions"]
    ]


def test_the_plan_names_model_threshold_and_code_of_then(batch: ReplayedBatch) -> None:
    live = deployments.live("stroke")
    later = stamp(datetime.now(UTC) + timedelta(hours=1))
    batch.deploy("afterwards", "9" * 64, later)
    batch.deploy("long-before", "8" * 64, "2025-01-01T00:00:00.000Z")
    assert batch.ask("plan") == {
        "live_version": 1,
        "model_name": live.model_name,
        "model_uri": live.model_uri,
        "threshold": 0.05,
        "rows": 20,
        "code_prefix": batch.code_prefix,
    }


def test_the_same_bytes_are_in_the_ledger_and_nothing_else_is_written(
    stack: Stack, batch: ReplayedBatch
) -> None:
    before = versions(stack)
    found = batch.ask("compare")
    assert (found["outcome"], found["difference"], found["message"]) == ("SAME", "", "")
    [entry] = stack.ledger("replayed")
    body = entry["body"]
    assert (body["outcome"], body["rows"], body["live_version"]) == ("SAME", 20, 1)
    assert body["stored_sha256"] == body["replayed_sha256"] == body["results_sha256"]
    assert (body["code_sha256"], body["results_version_id"]) == (batch.code, batch.version_id)
    assert (body["person"].rpartition("/")[2], entry["identity"]) == ("kim", "stroke/replays/run-1")
    assert versions(stack) == before
    assert stack.mails() == []


def test_a_repeated_call_finds_its_own_entry(stack: Stack, batch: ReplayedBatch) -> None:
    assert batch.ask("compare") == batch.ask("compare")
    assert len(stack.ledger("replayed")) == 1


def test_results_that_were_altered_afterwards_differ_in_one_cell(stack: Stack, batch: ReplayedBatch) -> None:
    batch.alter(batch.results_key)
    found = batch.ask("compare")
    assert found["outcome"] == "DIFFERENT"
    assert found["difference"] == (
        "The stored file was altered after it was published: the first row that differs is 21 in risk."
    )
    assert "0.9123" not in str(found)
    assert found["difference"] in found["message"]
    [entry] = stack.ledger("replayed")
    assert (entry["body"]["first_row"], entry["body"]["columns"]) == (21, ["risk"])
    assert entry["body"]["outcome"] == "DIFFERENT"


def test_results_that_do_not_follow_differ_although_nobody_touched_them(batch: ReplayedBatch) -> None:
    parts = sorted(key for key in batch.stack.keys("lake") if key.startswith(batch.folder))
    assert len(parts) > 1
    part = pl.read_parquet(io.BytesIO(batch.stack.read(f"s3://clinrisk-lake/{parts[0]}")))
    stream = io.BytesIO()
    part.with_columns(factor_1=pl.lit("age 64"), band=pl.lit("high")).write_parquet(stream)
    batch.stack.put("lake", parts[0], stream.getvalue())
    assert batch.ask("compare")["difference"] == (
        "What was published does not follow from what is stored: the first row that differs is 2 in band, "
        "factor_1."
    )


def test_rows_that_are_missing_in_a_replay_are_no_difference_but_a_failure(batch: ReplayedBatch) -> None:
    folder = f"vault/stroke/{batch.upload['upload_id']}/"
    last = max(key for key in batch.stack.keys("lake") if key.startswith(folder))
    batch.stack.s3.delete_object(Bucket="clinrisk-lake", Key=last)
    with pytest.raises(CountsDisagree, match=r"rows were presented again; 20 were accepted\.$"):
        batch.ask("compare")
    assert batch.stack.ledger("replayed") == []


def test_results_that_were_replaced_are_compared_in_the_version_that_they_had(batch: ReplayedBatch) -> None:
    first = batch.version_id
    batch.event["judgements"][1]["cautions"] = ["Fewer rows."]
    current = batch.publish("scoring-2")
    batch.alter(batch.results_key)
    assert batch.ask("compare", version_id=first)["outcome"] == "SAME"
    found = batch.ask("compare", version_id=current, execution="arn:run-2")
    assert found["outcome"] == "DIFFERENT"
    text = batch.stack.s3.get_object(Bucket="clinrisk-results", Key=batch.results_key, VersionId=first)
    rows = list(csv.DictReader(text["Body"].read().decode().splitlines()))
    assert {row["batch_caution"] for row in rows} == {"Few rows."}


def test_a_later_release_and_a_pause_change_nothing(batch: ReplayedBatch) -> None:
    batch.release_next(stamp(datetime.now(UTC) + timedelta(seconds=1)))
    pauses.begin(Pause(use_case="stroke", person="kim", reason="Units.", since="now", execution="run-1"))
    assert batch.ask("plan")["live_version"] == 1
    assert batch.ask("compare")["outcome"] == "SAME"


def test_a_model_that_was_not_live_then_proves_nothing(batch: ReplayedBatch) -> None:
    batch.release_next(PROMOTED_AT)
    for about in ABOUT:
        with pytest.raises(ReleaseAltered, match="Version 1 of stroke was not live at"):
            batch.ask(about)


def test_a_model_that_was_altered_since_proves_nothing(batch: ReplayedBatch) -> None:
    batch.stack.put("lake", object_keys.candidate("stroke", "stroke-0123456789", "model.tar.gz"), b"inverted")
    for about in ABOUT:
        with pytest.raises(ReleaseAltered, match="the model has other bytes"):
            batch.ask(about)
    assert batch.stack.ledger("replayed") == []


def test_a_version_that_the_history_does_not_have_proves_nothing(batch: ReplayedBatch) -> None:
    dynamodb.remove(
        batch.stack.environment["DEPLOYMENTS_TABLE"],
        ("USE_CASE#stroke", "VERSION#00000001"),
        Attr("pk").exists(),
    )
    with pytest.raises(ReleaseAltered, match="Version 1 of stroke was never live"):
        batch.ask("plan")


def test_parts_that_are_gone_are_named(batch: ReplayedBatch) -> None:
    upload_id = batch.upload["upload_id"]
    parts = len([key for key in batch.stack.keys("lake") if key.startswith("features/")])
    lost = [f"features/stroke/inference/{upload_id}/chunk-00000.parquet"]
    lost += [key for key in batch.stack.keys("lake") if key.startswith("transform/")]
    for key in lost:
        batch.stack.s3.delete_object(Bucket="clinrisk-lake", Key=key)
    with pytest.raises(ReplayImpossible) as refused:
        batch.ask("plan")
    assert str(refused.value) == (
        f"Parts of the batch are not stored any more: features ({parts - 1} of {parts}), rows for the server "
        "(0 of 1)."
    )


def test_code_that_was_altered_or_never_recorded_proves_nothing(batch: ReplayedBatch) -> None:
    batch.stack.put("lake", object_keys.job_code(batch.code), b"other code")
    with pytest.raises(EvidenceChanged, match="The job code has changed"):
        batch.ask("plan")
    batch.stack.s3.delete_object(Bucket="clinrisk-audit", Key="ledger-index/deployments/at-first.json")
    with pytest.raises(ReplayImpossible, match="The ledger states no deployment before 20"):
        batch.ask("plan")


def test_a_file_or_a_sidecar_that_is_gone_is_named(batch: ReplayedBatch) -> None:
    with pytest.raises(ReplayImpossible, match="The sidecar that states these results"):
        batch.ask("plan", version_id="another")
    first = batch.version_id
    batch.publish("scoring-2")
    batch.stack.s3.delete_object(Bucket="clinrisk-results", Key=batch.results_key, VersionId=first)
    with pytest.raises(ReplayImpossible, match="The results file is not stored any more"):
        batch.ask("plan", version_id=first)


def test_only_batches_of_the_use_case_are_replayed(batch: ReplayedBatch) -> None:
    for changes in ({"use_case": "heart"}, {"upload_id": "f" * 20}):
        with pytest.raises(ReplayImpossible, match="is no batch of"):
            batch.ask("plan", **changes)


def test_a_batch_from_which_a_patient_was_erased_is_replayed_without_them(
    stack: Stack, batch: ReplayedBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_machines(stack, monkeypatch, ENDS)
    first, batch.version_id = batch.version_id, batch.publish("scoring-2")
    stack.put("lake", object_keys.erasure_ids("stroke", "0" * 16), b"1003\n")
    event = {"action": "erase", "use_case": "stroke", "request_id": "0" * 16, "person": "arn:aws:ann"}
    assert stack.call("erase_patients", event)["stage"] == "erased"
    batch.present()
    sidecar = stack.read_json(f"s3://clinrisk-results/{batch.results_key.removesuffix('csv')}json")
    now = sidecar["results"]["version_id"]
    found = batch.ask("compare", version_id=now)
    assert (found["outcome"], stack.ledger("replayed")[-1]["body"]["rows"]) == ("SAME", 19)
    assert batch.ask("plan", version_id=now)["rows"] == 19
    with pytest.raises(ReplayImpossible, match=r"deleted on .*, when patients were erased"):
        batch.ask("plan", version_id=first)
