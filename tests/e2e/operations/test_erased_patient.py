"""A patient is erased by the hospital's own id: no byte that is kept is about them, and proofs hold."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from botocore.exceptions import ClientError

from tests.e2e.recovery import hospital_with_model, inference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.hospital import Hospital

pytestmark = [pytest.mark.twin, pytest.mark.timeout(1800)]
ID, OTHER = "ward-3", "ward-4"
BUCKETS = ("InboxBucket", "LakeBucket", "ResultsBucket", "AuditBucket")
# Digests, the file of ids of this very request, and what nobody but a shadow's own job may read.
UNREAD = ("erasures/", "shadow/")


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """Return a stack with a live model, a batch that was scored, and outcomes of two of its patients."""
    with hospital_with_model(tmp_path_factory.mktemp("erased")) as hospital:
        s3, inbox = hospital.twin.client("s3"), hospital.outputs["InboxBucket"]
        s3.put_object(
            Bucket=inbox, Key="inbox/heart/inference/ward.csv", Body=inference(30, seed=4, prefix="ward")
        )
        hospital.results("ward")
        hospital.ended("Scoring", 1)
        outcomes = f"id,label,date\n{ID},1,2026-11-30\n{OTHER},0,2026-11-30\n".encode()
        key = "inbox/heart/outcomes/ward.csv"
        s3.put_object(Bucket=inbox, Key=key, Body=outcomes)
        results = hospital.outputs["ResultsBucket"]
        hospital.wait(lambda: hospital.twin.objects(results, "outcome-overviews/"))
        hospital.ended("Ingest", 2)
        yield hospital


def everything(hospital: Hospital) -> dict[str, bytes]:
    """Read every version of every object, by the function's role where nobody else may."""
    client, found = hospital.twin.client("s3"), {}
    erasing = hospital.acting_as(hospital.role("ErasePatientsRole"))
    for bucket in BUCKETS:
        name = hospital.outputs[bucket]
        pages = client.get_paginator("list_object_versions").paginate(Bucket=name)
        for one in (one for page in pages for one in page.get("Versions", [])):
            if one["Key"].startswith(UNREAD):
                continue
            given = {"Bucket": name, "Key": one["Key"], "VersionId": one["VersionId"]}
            try:
                data = client.get_object(**given)["Body"].read()
            except ClientError:
                data = erasing.get_object(**given)["Body"].read()
            found[f"{one['Key']} {one['VersionId']}"] = plain(data)
    return found


def plain(data: bytes) -> bytes:
    if data[:4] == b"PAR1":
        return pl.read_parquet(io.BytesIO(data)).write_ndjson().encode()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def where(found: dict[str, bytes], *marks: str) -> list[str]:
    return sorted(key for key, data in found.items() if any(mark.encode() in data for mark in marks))


def test_nothing_of_an_erased_patient_is_kept_and_every_proof_holds(
    hospital: Hospital, tmp_path: Path
) -> None:
    twin, before = hospital.twin, everything(hospital)
    dropped = next(data for key, data in before.items() if key.startswith("inbox/heart/inference/ward"))
    line = next(line for line in dropped.decode().splitlines() if line.startswith(f"{ID},"))
    row = line.partition(",")[2]
    vault = next(data for key, data in before.items() if key.startswith("vault/"))
    known = {one["source_id"]: one["record_id"] for one in map(json.loads, vault.splitlines())}
    marks = (f"{ID},", f'"{ID}"', known[ID], row)
    assert {key.split("/")[0] for key in where(before, *marks)} >= {
        *("inbox", "vault", "features", "transform", "scores", "presented"),
        *("predictions", "outcomes", "results"),
    }

    ids = tmp_path / "ids.txt"
    ids.write_text(f"{ID}\n")
    found = twin.clinrisk("erase", "--use-case", "heart", "--id-file", ids)
    assert (found["stage"], found["patients"]) == ("found", 1)
    assert before.items() <= everything(hospital).items()
    done = twin.clinrisk("erase", "--use-case", "heart", "--request", found["request_id"], "--confirm")
    assert (done["stage"], done["locations"]) == ("erased", found["locations"])

    after = everything(hospital)
    assert where(after, *marks) == []
    assert where(after, known[OTHER])
    check_proofs(hospital)


def check_proofs(hospital: Hospital) -> None:
    """Assert that replay, ledger and counts speak of the batch as it is now."""
    twin = hospital.twin
    batch: Any = next(one for one in twin.clinrisk("batches", "heart") if "ward" in one["file"])
    [replayed] = twin.clinrisk("replay", "heart", "--id", batch["upload_id"])
    assert (replayed["outcome"], replayed["rows"]) == ("SAME", 29)
    assert replayed["why"].startswith("Without 1 erased since, the last on ")
    kept = twin.clinrisk("audit", "show", "--use-case", "heart")
    assert [one["event"] for one in kept][-2:] == ["erased", "replayed"]
    assert twin.clinrisk("audit", "verify")["difference"] is None
    assert twin.clinrisk("stuck", "--patience", "0") == []
