"""A patient is erased from all that is stored: moto's buckets are read byte for byte before and after."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import polars as pl
import pytest

from clinrisk.aws import clients, kms, ledger, s3, stepfunctions
from clinrisk.aws.tables import uploads
from clinrisk.core import object_keys
from clinrisk.core.ingest.pseudonyms import record_ids
from clinrisk.core.training.learned_digests import CARD, LEARNED, learned_digests
from clinrisk.errors import Defect, EvidenceChanged
from clinrisk.services.operations import erase_patients
from tests.integration.conftest import ROOT
from tests.integration.events import events_of, read_event
from tests.integration.inbox_files import Ingest, heart_batch, stroke_batch
from tests.integration.presented_results import publish_event
from tests.integration.state_machines import state_machines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.conftest import Stack

ID, OTHER = "1003", "1004"
REQUEST = "0123456789abcdef"
BUCKETS = ("inbox", "lake", "results")
OUTCOMES = b"id,label,date\n1003,1,2026-03-01\n1004,0,2026-03-01\n"


def pseudonym(of: str) -> str:
    return str(record_ids(pl.Series([of]), kms.pseudonym_key("stroke"))[0])


def stored(stack: Stack) -> dict[tuple[str, str, str], bytes]:
    """Read every version of everything that is stored."""
    found = {}
    for bucket in BUCKETS:
        pages = stack.s3.get_paginator("list_object_versions").paginate(Bucket=f"clinrisk-{bucket}")
        for one in (one for page in pages for one in page.get("Versions", [])):
            key, version = one["Key"], one["VersionId"]
            answer = stack.s3.get_object(Bucket=f"clinrisk-{bucket}", Key=key, VersionId=version)
            found[bucket, key, version] = answer["Body"].read()
    return found


def plain(data: bytes) -> bytes:
    """Return an archive unpacked, Parquet as text, anything else as it is."""
    if data[:4] == b"PAR1":
        return pl.read_parquet(io.BytesIO(data)).write_csv().encode()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def naming(found: dict[tuple[str, str, str], bytes], of: str) -> list[str]:
    """Return where a patient's pseudonym, or the id as a cell, lies in any version."""
    marks = (pseudonym(of).encode(), f"{of},".encode())
    # The file of ids of a request, and what is kept for a while of an upload.
    return sorted(
        {
            f"{bucket}/{key}"
            for (bucket, key, _), data in found.items()
            if any(mark in plain(data) for mark in marks) and not key.startswith(("erasures/", "chunks/"))
        }
    )


def archive(**members: bytes) -> bytes:
    """Return an archive as training jobs leave it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as made:
        for path, data in members.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def out_of_fold(*patients: str) -> bytes:
    """Return the out-of-fold risks of patients."""
    rows = "".join(f"{pseudonym(one)},0,1,0.3\n" for one in patients).encode()
    return archive(**{"out_of_fold.csv": b"record_id,fold,label,score\n" + rows})


def model(*patients: str) -> bytes:
    """Return a model that has learned from patients."""
    stream = io.BytesIO()
    np.save(stream, np.sort(learned_digests(map(pseudonym, patients), "5" * 64)))
    return archive(**{CARD: json.dumps({"training_sha256": "5" * 64}).encode(), LEARNED: stream.getvalue()})


@pytest.fixture(autouse=True)
def machines(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The machines whose executions write of patients: one that is started goes on."""
    waits = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
    return state_machines(stack, monkeypatch, waits)


@pytest.fixture
def scored(stack: Stack) -> str:
    """A batch with results that were made twice; gives its upload id."""
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/ward.csv", stroke_batch(20)).run()
    for execution in ("arn:a:first", "arn:a:second"):
        stack.call("publish_results", publish_event(stack, upload) | {"execution": execution})
    return str(upload["upload_id"])


@pytest.fixture
def batch(stack: Stack, scored: str) -> str:
    """The same batch with its outcomes and everything else that knows its patients."""
    Ingest.of(stack, "inbox/stroke/outcomes/ward.csv", OUTCOMES, "run-2").run()
    upload_id, both = scored, [pseudonym(ID), pseudonym(OTHER)]
    stream = io.BytesIO()
    pl.DataFrame({"record_id": both, "risk": [0.1, 0.2]}).write_parquet(stream)
    lines = "".join(f"{one},0.25\n" for one in both).encode()
    table = b"record_id,label,age\n" + "".join(f"{one},1,70\n" for one in both).encode()
    stack.put("lake", object_keys.predictions("stroke", upload_id), stream.getvalue())
    stack.put("lake", object_keys.predictions("stroke", upload_id), stream.getvalue())
    stack.put("lake", f"scores/stroke/{upload_id}/v1/batch-00000.csv.out", lines)
    stack.put("lake", f"replays/stroke/{upload_id}/x/scores/batch-00000.csv.out", lines)
    stack.put("lake", f"shadow/stroke/run-1/scores/{upload_id}/batch-00000.csv.out", lines)
    stack.put("lake", object_keys.acted_on("stroke"), json.dumps(sorted(both)).encode())
    stack.put("lake", "training/stroke/run-1/set/training.csv", table)
    stack.put("lake", "training/stroke/run-1/set/tuning/train/data.parquet", stream.getvalue())
    stack.put("lake", "training/stroke/run-2/set/holdout.csv", table.replace(both[0].encode(), b"0" * 32))
    stack.put("lake", "models/stroke/run-1/xgboost/job/output/output.tar.gz", out_of_fold(ID, OTHER))
    stack.put("lake", "candidates/stroke/run-1/output.tar.gz", out_of_fold(ID, OTHER))
    stack.put("lake", "candidates/stroke/run-1/model.tar.gz", model(ID, OTHER))
    stack.put("lake", "candidates/stroke/run-2/model.tar.gz", model(OTHER))
    folder = "offline-store/1/sagemaker/r/offline-store/clinrisk-stroke-v1-170/data/year=2026"
    stack.put("lake", f"{folder}/part.parquet", stream.getvalue())
    deleted = f"predictions/stroke/{'f' * 20}.parquet"
    stack.put("lake", deleted, stream.getvalue())
    stack.s3.delete_object(Bucket="clinrisk-lake", Key=deleted)
    return upload_id


def ask(stack: Stack, action: str, seconds: int = 100, *, request: str = REQUEST, **more: str) -> Any:
    event = {"action": action, "use_case": "stroke", "request_id": request, "person": "arn:aws:ann"}
    return stack.call("erase_patients", event | {"seconds": seconds} | more)


def name(stack: Stack, ids: str = ID, request: str = REQUEST) -> None:
    stack.put("lake", object_keys.erasure_ids("stroke", request), ids.encode())


def lines_of(stack: Stack, batch: str) -> list[bytes]:
    return stack.read(f"s3://clinrisk-results/results/stroke/ward/{batch}.csv").split(b"\r\n")


def test_a_patient_is_counted_then_erased_from_every_version_and_all_others_stay(
    stack: Stack, batch: str
) -> None:
    name(stack)
    before, lines = stored(stack), lines_of(stack, batch)
    others = naming(before, OTHER)
    found = ask(stack, "search")
    assert (found["stage"], found["learned_by"]) == ("found", ["run-1"])
    counts = {one["name"]: (one["objects"], one["rows"]) for one in found["locations"]}
    assert counts == {
        "inbox/": (2, 2), "vault/": (1, 1), "features/": (1, 1), "transform/": (1, 1), "scores/": (1, 1),
        "presented/": (1, 2), "predictions/": (2, 3), "outcomes/": (1, 1), "acted-on/": (1, 1),
        "offline-store/": (1, 1), "training/": (1, 1), "models/": (1, 1), "candidates/": (1, 1),
        "results/": (1, 2),
    }  # fmt: skip
    after = stored(stack)
    assert {one: after.get(one) for one in before} == before

    done = ask(stack, "erase")
    assert (done["stage"], done["patients"], done["left"]) == ("erased", 1, 0)
    after = stored(stack)
    assert naming(after, ID) == []
    # What cannot be rewritten goes as a whole: files, sets of trainings, what was deleted before.
    gone = (
        "inbox/", "lake/training/stroke/run-1/", "lake/models/", "lake/replays/", "lake/shadow/",
        "lake/predictions/stroke/ffff",
    )  # fmt: skip
    assert naming(after, OTHER) == [one for one in others if not one.startswith(gone)]
    assert lines_of(stack, batch) == [line for line in lines if f",{ID},".encode() not in line]
    scores = f"s3://clinrisk-lake/scores/stroke/{batch}/v1/batch-00000.csv.out"
    assert stack.read(scores) == f"{pseudonym(OTHER)},0.25\n".encode()
    # The run that did not know the patient keeps its set.
    assert "training/stroke/run-2/set/holdout.csv" in stack.keys("lake")
    check_stated(stack, batch)
    [entry] = stack.ledger("erased")
    assert not {ID, pseudonym(ID)} & set(json.dumps(entry).split('"'))
    assert ledger.verify().difference is None
    assert ask(stack, "erase") == done
    assert {one: data for one, data in stored(stack).items() if one not in after} == {}


def check_stated(stack: Stack, batch: str) -> None:
    """Assert that what is stated of a batch is true once a patient was erased from it."""
    settled = uploads.settlement_of(batch)
    assert settled is not None
    assert (settled.rows_accepted, [one.rows for one in settled.erasures]) == (19, [1])
    assert [one.rows_accepted for one in uploads.settled("stroke", "inference")] == [19]
    assert [(one.rows_accepted, one.labelled_rows) for one in uploads.settled("stroke", "outcomes")] in (
        [],
        [(1, 1)],
    )
    address = f"results/stroke/ward/{batch}"
    stated = stack.read_json(f"s3://clinrisk-results/{address}.json")
    data = stack.s3.get_object(Bucket="clinrisk-results", Key=f"{address}.csv")
    assert stated["results"]["version_id"] == data["VersionId"]
    assert stated["results"]["sha256"] == hashlib.sha256(data["Body"].read()).hexdigest()
    assert (stated["counts"]["rows"], [one["rows"] for one in stated["erased"]]) == (19, [1])
    assert all(one["erased_at"] for one in stated["replaces"])
    schema = json.loads((ROOT / "docs/results-file.schema.json").read_text())
    jsonschema.validate(stated, schema, format_checker=jsonschema.FormatChecker())


class StoppedError(Exception):
    """The function was stopped."""


@contextmanager
def stopped(before: int) -> Iterator[None]:
    """Stop the function before so manieth change that it makes in S3 or a table."""
    made = 0

    def counted(call: Any) -> Any:
        def run(**given: Any) -> Any:
            nonlocal made
            made += 1
            if made == before:
                raise StoppedError
            return call(**given)

        return run

    with pytest.MonkeyPatch.context() as patched:
        table = clients.dynamodb().meta.client
        for client, method in (
            (clients.s3(), "put_object"), (clients.s3(), "delete_object"), (table, "transact_write_items"),
        ):  # fmt: skip
            patched.setattr(client, method, counted(getattr(client, method)))
        yield


def test_a_function_that_is_stopped_after_each_change_comes_to_the_same_end(
    stack: Stack, scored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erase_patients, "_SAVED_EVERY", 1)
    name(stack)
    lines, stops, done = lines_of(stack, scored), 0, None
    while done is None:
        try:
            # Every call makes one change.
            with stopped(before=2):
                done = ask(stack, "erase")
        except Defect as error:
            assert "StoppedError" in str(error)  # noqa: PT017 - any other one is a failure
            stops += 1
    assert stops > 20
    assert done["stage"] == "erased"
    assert naming(stored(stack), ID) == []
    assert lines_of(stack, scored) == [line for line in lines if f",{ID},".encode() not in line]
    check_stated(stack, scored)
    assert len(stack.ledger("erased")) == 1


def test_a_patient_on_hold_is_not_erased_until_the_hold_is_released(stack: Stack) -> None:
    Ingest.of(stack, "inbox/stroke/inference/ward.csv", stroke_batch(20)).run()
    hold = "fedcba9876543210"
    name(stack, f"{ID}\n{OTHER}\n", hold)
    assert ask(stack, "hold", request=hold, reason="Case 7 at court.")["stage"] == "held"
    assert object_keys.erasure_ids("stroke", hold) not in stack.keys("lake")
    name(stack)
    before = naming(stored(stack), ID)
    refused = ask(stack, "erase")
    assert refused["stage"] == "refused"
    assert refused["refused"].startswith(f"1 of the 1 patients are on legal hold {hold} since ")
    assert naming(stored(stack), ID) == before != []
    [listed] = ask(stack, "list_holds")["holds"]
    assert (listed["patients"], listed["released_at"]) == (2, "")
    for _ in range(2):
        assert ask(stack, "release", request=hold, reason="It is over.")["stage"] == "released"
    assert ask(stack, "erase")["stage"] == "erased"
    assert [one["body"]["change"] for one in stack.ledger("legal hold changed")] == ["placed", "released"]


def test_a_file_that_is_being_read_is_waited_for(stack: Stack) -> None:
    Ingest.of(stack, "inbox/stroke/inference/ward.csv", stroke_batch(20)).claim()
    name(stack)
    refused = ask(stack, "erase")
    assert refused["stage"] == "refused"
    assert "ward.csv holds the patients and is being read" in refused["refused"]


@pytest.mark.parametrize(
    ("machine", "started", "words"),
    [
        ("scoring", "stroke-{upload}-again1", "is being scored"),
        ("training", "stroke-0123456789", "A training of stroke runs"),
    ],
)
def test_what_runs_and_will_write_of_the_patients_is_waited_for(
    stack: Stack, machines: dict[str, str], machine: str, started: str, words: str
) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/ward.csv", stroke_batch(20)).run()
    stack.sfn.start_execution(stateMachineArn=machines[machine], name="heart-0123456789", input="{}")
    run = stack.sfn.start_execution(
        stateMachineArn=machines[machine], name=started.format(upload=upload["upload_id"]), input="{}"
    )["executionArn"]
    name(stack)
    assert words in ask(stack, "erase")["refused"]
    while stepfunctions.last_state(run) is None or not stepfunctions.has_ended(run):
        stack.sfn.stop_execution(executionArn=run)
    assert (ended := ask(stack, "erase"))["stage"] == "erased", ended["refused"]


def test_what_somebody_writes_meanwhile_stands_and_is_erased_from(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = f"scores/stroke/{'c' * 20}/v1/batch-00000.csv.out"
    stack.put("lake", key, f"{pseudonym(ID)},0.1\n{pseudonym(OTHER)},0.1\n".encode())
    name(stack)
    stored_blocks, others = s3.store_blocks, [f"{pseudonym(ID)},0.2\n{pseudonym(OTHER)},0.2\n".encode()]

    def after_another(*given: Any, **more: Any) -> Any:
        while others:
            stack.put("lake", key, others.pop())
        return stored_blocks(*given, **more)

    monkeypatch.setattr(s3, "store_blocks", after_another)
    assert ask(stack, "erase")["stage"] == "erased"
    assert stack.read(f"s3://clinrisk-lake/{key}") == f"{pseudonym(OTHER)},0.2\n".encode()
    assert naming(stored(stack), ID) == []


def test_results_that_are_not_what_their_sidecar_states_are_looked_at_first(
    stack: Stack, scored: str
) -> None:
    key = f"results/stroke/ward/{scored}.csv"
    stack.put("results", key, stack.read(f"s3://clinrisk-results/{key}") + b"99,1003,0.9\r\n")
    name(stack)
    with pytest.raises(EvidenceChanged, match="has other bytes than it states"):
        ask(stack, "erase")


@pytest.mark.parametrize("event", events_of("erase_patients"))
def test_without_ids_nothing_is_searched(stack: Stack, event: str) -> None:
    assert "no file of ids" in stack.call("erase_patients", read_event(event))["refused"]
    stack.put("lake", object_keys.erasure_ids("heart", REQUEST), b"\n \n")
    assert "at least one" in stack.call("erase_patients", read_event(event))["refused"]


def test_a_file_without_ids_goes_with_the_rows_that_were_made_from_it(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/heart/inference/ward.csv", heart_batch(20)).run()
    vault = pl.read_parquet(
        io.BytesIO(stack.read(f"s3://clinrisk-lake/vault/heart/{upload['upload_id']}/chunk-00000.parquet"))
    )
    theirs, other = vault["record_id"][:2]
    stack.put("lake", object_keys.erasure_ids("heart", REQUEST), f"{theirs}\n63\n".encode())
    event = {"action": "erase", "use_case": "heart", "request_id": REQUEST, "person": "arn:aws:ann"}
    done = stack.call("erase_patients", event)
    counts = {one["name"]: (one["objects"], one["rows"]) for one in done["locations"]}
    assert counts["inbox/"] == (1, 0)
    assert not [key for key in stack.keys("inbox") if key.startswith("inbox/heart/")]
    left = b"".join(stored(stack).values())
    assert (theirs.encode() in left, other.encode() in left) == (False, True)
