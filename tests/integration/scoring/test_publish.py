"""What goes out: results under the hospital's own ids, and the job code under its digest."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import uploads
from clinrisk.errors import ChampionChanged, ClaimLost, CountsDisagree, LedgerAltered
from clinrisk.services.scoring import recalled_results
from clinrisk.services.training import publish_job_code
from tests.integration.conftest import ROOT
from tests.integration.inbox_files import Ingest, heart_batch, stroke_batch
from tests.integration.presented_results import publish_event

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Stack


def test_results_carry_the_hospitals_ids_in_the_files_order(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/ward 7+8.csv", stroke_batch(20)).run()
    published = stack.call("publish_results", publish_event(stack, upload))
    assert published["results"]["uri"] == (
        f"s3://clinrisk-results/results/stroke/ward-7-8/{upload['upload_id']}.csv"
    )
    key = published["results"]["uri"].removeprefix("s3://clinrisk-results/")
    head = stack.s3.head_object(Bucket="clinrisk-results", Key=key)
    assert head["ContentType"] == "text/csv; charset=utf-8"
    tags = {
        name: stack.s3.get_object_tagging(Bucket="clinrisk-results", Key=name)["TagSet"]
        for name in (key, key.removesuffix("csv") + "json")
    }
    # By this tag the bucket's rule ends the file, and not what is stated about it.
    assert list(tags.values()) == [[{"Key": "holds", "Value": "patients"}], []]
    lines = stack.read(published["results"]["uri"]).decode().splitlines()
    assert lines[0].startswith("row,id,risk,risk_low,risk_high,band,flagged,not_measured,")
    assert lines[1].startswith('2,1000,0.19,,,low,1,"","",age 63,never smoked,,')
    assert (published["scored_rows"], len(lines)) == (20, 21)
    assert "flagged 5" in published["message"]


def test_the_same_rows_go_out_as_fhir_resources_where_the_stack_wants_them_and_only_then(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FHIR_RESULTS", "on")
    settings.cache_clear()
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/today.csv", stroke_batch(20)).run()
    event = publish_event(stack, upload)
    published = stack.call("publish_results", event)
    sidecar = stack.read_json(published["sidecar"]["uri"])
    jsonschema.validate(sidecar, json.loads((ROOT / "docs" / "results-file.schema.json").read_text()))
    [detail] = [one["detail"] for one in stack.published() if one["detail-type"] == "Results Published"]
    jsonschema.validate(detail, json.loads((ROOT / "docs" / "results-published.schema.json").read_text()))
    assert detail["fhir"] == sidecar["fhir"]
    lines = stack.read(sidecar["fhir"]["uri"])
    assert sidecar["fhir"]["sha256"] == hashlib.sha256(lines).hexdigest()
    rows = csv.DictReader(io.StringIO(stack.read(published["results"]["uri"]).decode()))
    assert [json.loads(line)["subject"]["identifier"]["value"] for line in lines.splitlines()] == [
        row["id"] for row in rows
    ]
    monkeypatch.setenv("FHIR_RESULTS", "off")
    settings.cache_clear()
    published = stack.call("publish_results", event)
    assert "fhir" not in stack.read_json(published["sidecar"]["uri"])
    assert not [key for key in stack.keys("results") if key.endswith(".ndjson")]


def test_where_there_are_no_ids_the_record_id_stands_in(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/heart/inference/today.csv", heart_batch(20)).run()
    published = stack.call("publish_results", publish_event(stack, upload))
    first = stack.read(published["results"]["uri"]).decode().splitlines()[1].split(",")
    assert len(first[1]) == 32


def test_a_patient_without_a_score_stops_the_publication(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/today.csv", stroke_batch(20)).run()
    event = publish_event(stack, upload, drop=1)
    with pytest.raises(CountsDisagree):
        stack.call("publish_results", event)
    assert not [key for key in stack.keys("results") if key.startswith("results/")]


def test_parts_of_another_cut_stop_the_publication(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/today.csv", stroke_batch(20)).run()
    event = publish_event(stack, upload)
    for folder in ("vault", "presented"):
        part = f"{folder}/stroke/{upload['upload_id']}/chunk-0000{{}}.parquet"
        stack.put("lake", part.format(1), stack.read(f"s3://clinrisk-lake/{part.format(0)}"))
    with pytest.raises(CountsDisagree, match=r"^There are results of 40 rows; 20 were accepted\.$"):
        stack.call("publish_results", event)
    assert not [key for key in stack.keys("results") if key.startswith("results/")]


def test_the_results_of_several_chunks_are_one_file(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clinrisk.services.ingest.plan_chunks.CHUNK_BYTES", 400)
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/today.csv", stroke_batch(60)).run()
    event = publish_event(stack, upload)
    published = stack.call("publish_results", event)
    text = stack.read(published["results"]["uri"])
    lines = text.decode().splitlines()
    assert len([line for line in lines if line.startswith("row,id,")]) == 1
    assert [line.split(",")[:2] for line in lines[1:]] == [[str(n), str(998 + n)] for n in range(2, 62)]
    assert hashlib.sha256(text).hexdigest() == published["results"]["sha256"]


def test_the_sidecar_states_what_holds_for_the_whole_file(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/today.csv", stroke_batch(20)).run()
    published = stack.call("publish_results", publish_event(stack, upload))
    sidecar = stack.read_json(published["sidecar"]["uri"])
    schema = json.loads((ROOT / "docs" / "results-file.schema.json").read_text())
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(sidecar)
    assert (sidecar["verdict"], sidecar["cautions"]) == ("CAUTION", ["Few rows."])
    version_id = sidecar["results"]["version_id"]
    assert sidecar["results"] == published["results"] | {"version_id": version_id}
    assert (sidecar["execution"], sidecar["replaces"]) == ("", [])
    text = stack.read(published["results"]["uri"])
    assert sidecar["results"]["sha256"] == hashlib.sha256(text).hexdigest()
    assert sidecar["upload"] == {name: upload[name] for name in ("upload_id", "key", "version_id", "sha256")}
    assert sidecar["model"]["sha256"] == hashlib.sha256(b"model").hexdigest()
    rows = csv.DictReader(text.decode().splitlines())
    assert {row["model_digest"] for row in rows} == {sidecar["model"]["sha256"]}
    header = stack.read(published["results"]["uri"]).decode().splitlines()[0]
    assert [column["name"] for column in sidecar["columns"]] == header.split(",")
    assert published["message"].startswith("Read this first:\n- Few rows.")


def scored_again(stack: Stack, event: dict[str, Any], attempt: str) -> dict[str, Any]:
    """Publish in an execution of that name, and return the sidecar, which fits its published schema."""
    execution = f"arn:aws:states:eu-central-1:123456789012:execution:scoring:{attempt}"
    published = stack.call("publish_results", event | {"execution": execution})
    sidecar: dict[str, Any] = stack.read_json(published["sidecar"]["uri"])
    schema = json.loads((ROOT / "docs" / "results-file.schema.json").read_text())
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(sidecar)
    return sidecar


def test_results_name_those_that_they_replace_and_the_bytes_of_those_are_kept(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/today.csv", stroke_batch(20)).run()
    event = publish_event(stack, upload)
    first, second, third = (scored_again(stack, event, name) for name in ("a", "a-again1", "a-again2"))
    assert first["replaces"] == []
    [replaced] = second["replaces"]
    assert replaced == first["results"] | {
        "execution": "a", "live_version": 1, "scored_at": first["scored_at"],
    }  # fmt: skip
    assert [one["execution"] for one in third["replaces"]] == ["a-again1", "a"]
    assert third["execution"] == "a-again2"
    for one in (third["results"], *third["replaces"]):
        bucket, _, key = one["uri"].removeprefix("s3://").partition("/")
        body = stack.s3.get_object(Bucket=bucket, Key=key, VersionId=one["version_id"])["Body"].read()
        assert hashlib.sha256(body).hexdigest() == one["sha256"]
    current = stack.read(third["results"]["uri"])
    assert hashlib.sha256(current).hexdigest() == third["results"]["sha256"]


def test_a_publication_that_is_tried_again_replaces_nothing_of_its_own(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/today.csv", stroke_batch(20)).run()
    event = publish_event(stack, upload)
    scored_again(stack, event, "a")
    for _ in range(2):
        assert [one["execution"] for one in scored_again(stack, event, "a-again1")["replaces"]] == ["a"]


def test_results_of_earlier_editions_are_replaced_as_far_as_they_are_known(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/today.csv", stroke_batch(20)).run()
    event = publish_event(stack, upload)
    published = stack.call("publish_results", event)
    plain = stack.read_json(published["sidecar"]["uri"])
    del plain["execution"], plain["replaces"], plain["results"]["version_id"]
    stack.put("results", published["sidecar"]["uri"].partition("results/")[2], json.dumps(plain).encode())
    [replaced] = scored_again(stack, event, "a")["replaces"]
    assert replaced == plain["results"] | {"live_version": 1, "scored_at": plain["scored_at"]}


def test_results_of_a_model_that_was_replaced_meanwhile_are_not_published(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/today.csv", stroke_batch(20)).run()
    event = publish_event(stack, upload)
    with pytest.raises(ChampionChanged, match="Live version 1 went live"):
        stack.call("publish_results", event | {"run": event["run"] | {"live_version": 2}})


def test_results_of_a_withdrawn_upload_are_not_published(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/today.csv", stroke_batch(20)).run()
    event = publish_event(stack, upload)
    word = {"decision": "WITHDRAW", "person": "anna", "reason": "Wrong ward."}
    stack.call("decide_upload", word | {"upload_id": upload["upload_id"]})
    with pytest.raises(ClaimLost, match="WITHDRAWN: nothing of it is published"):
        stack.call("publish_results", event)
    assert not [key for key in stack.keys("results") if key.startswith("results/")]


def test_results_of_an_upload_that_is_withdrawn_while_they_are_written_are_recalled(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/today.csv", stroke_batch(20)).run()
    event, store = publish_event(stack, upload), s3.store_blocks
    word = {"decision": "WITHDRAW", "person": "anna", "reason": "Wrong ward."}

    def withdrawn_meanwhile(*given: Any) -> Any:
        stack.call("decide_upload", word | {"upload_id": upload["upload_id"]})
        return store(*given)

    monkeypatch.setattr(s3, "store_blocks", withdrawn_meanwhile)
    with pytest.raises(ClaimLost, match="WITHDRAWN"):
        stack.call("publish_results", event)
    [notice] = [key for key in stack.keys("results") if key.endswith(".RECALLED.txt")]
    assert b"do not use its risks" in stack.read(f"s3://clinrisk-results/{notice}")


def test_results_that_are_published_anew_are_recalled_no_more(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/today.csv", stroke_batch(20)).run()
    event = publish_event(stack, upload)
    stack.call("publish_results", event)
    settled = uploads.settlement_of(upload["upload_id"])
    assert settled is not None
    assert recalled_results.recall(settled, "It is held again.", "2026-03-01T12:00:00.000Z")
    assert [key for key in stack.keys("results") if key.endswith(".RECALLED.txt")]
    stack.call("publish_results", event)
    assert [key for key in stack.keys("results") if key.endswith(".RECALLED.txt")] == []


def deploy_event(address: str, kind: str = "Create") -> dict[str, Any]:
    """Return CloudFormation's event."""
    return {
        "RequestType": kind,
        "ResponseURL": address,
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/clinrisk/1",
        "RequestId": "request-1",
        "LogicalResourceId": "JobCode",
        "ResourceType": "AWS::CloudFormation::CustomResource",
        "ResourceProperties": {"ServiceToken": "arn", "Layer": "arn:layer:7"},
    }


def test_job_code_is_published_once_under_its_digest(
    stack: Stack, cloudformation: tuple[str, list[dict[str, Any]]]
) -> None:
    address, answers = cloudformation
    stack.call("publish_job_code", deploy_event(address))
    stack.call("publish_job_code", deploy_event(address, "Update") | {"RequestId": "request-2"})
    assert [answer["Status"] for answer in answers] == ["SUCCESS", "SUCCESS"]
    data = answers[0]["Data"]
    assert data == answers[1]["Data"]
    assert data["Prefix"] == f"s3://clinrisk-lake/code/{data['Digest']}/"
    [version] = stack.s3.list_object_versions(Bucket="clinrisk-lake")["Versions"]
    assert version["Key"] == f"code/{data['Digest']}/clinrisk.pyz"


def test_every_deployment_is_in_the_ledger_once(
    stack: Stack, cloudformation: tuple[str, list[dict[str, Any]]]
) -> None:
    address, answers = cloudformation
    create, update = deploy_event(address), deploy_event(address, "Update") | {"RequestId": "request-2"}
    for event in (create, create, update, deploy_event(address, "Delete")):
        stack.call("publish_job_code", event)
    entries = [one["body"] for one in stack.ledger("deployed")]
    assert [(one["change"], one["request"]) for one in entries] == [
        ("Create", "request-1"),
        ("Update", "request-2"),
    ]
    assert (entries[0]["layer"], entries[0]["code_sha256"]) == ("arn:layer:7", answers[0]["Data"]["Digest"])


def test_a_ledger_that_was_altered_is_reported_and_never_hangs_the_stack(
    stack: Stack, cloudformation: tuple[str, list[dict[str, Any]]]
) -> None:
    address, answers = cloudformation
    stack.put("audit", "ledger/000000000001.json", b"{}")
    with pytest.raises(LedgerAltered):
        stack.call("publish_job_code", deploy_event(address))
    assert answers[0]["Status"] == "SUCCESS"


def test_deleting_keeps_the_code_that_models_were_made_with(
    stack: Stack, cloudformation: tuple[str, list[dict[str, Any]]]
) -> None:
    address, answers = cloudformation
    stack.call("publish_job_code", deploy_event(address))
    stack.call("publish_job_code", deploy_event(address, "Delete"))
    assert answers[1]["Status"] == "SUCCESS"
    assert len(stack.keys("lake")) == 1


def test_a_failed_publication_is_reported_and_never_hangs_the_stack(
    stack: Stack, cloudformation: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, answers = cloudformation
    monkeypatch.setenv("LAKE_BUCKET", "no-such-bucket")
    with pytest.raises(Exception, match="NoSuchBucket"):
        stack.call("publish_job_code", deploy_event(address))
    assert answers[0]["Status"] == "FAILED"
    assert "NoSuchBucket" in answers[0]["Reason"]


def test_the_zip_is_the_same_bytes_and_holds_nothing_of_a_lambda() -> None:
    first = publish_job_code.build()
    assert first == publish_job_code.build()
    names = zipfile.ZipFile(io.BytesIO(first)).namelist()
    assert names == sorted(names)
    assert "clinrisk/use_cases/heart.py" in names
    assert not [name for name in names if name.startswith("clinrisk/aws/") or name.endswith(".pyc")]


def test_the_zip_runs_and_refuses_an_unknown_job(tmp_path: Path) -> None:
    path = tmp_path / "clinrisk.pyz"
    path.write_bytes(publish_job_code.build())
    ran = subprocess.run(
        [sys.executable, "-I", str(path), "dance"], capture_output=True, text=True, check=False
    )
    assert ran.returncode != 0
    assert "Traceback" not in ran.stderr
