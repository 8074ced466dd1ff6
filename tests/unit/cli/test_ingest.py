import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from clinrisk.core.ingest.inbox_keys import receipt_key
from clinrisk.core.training.file_statements import statements_of

AS_IT_IS = ("--unchecked", "--as", "heart/training")
KEY = "inbox/heart/training/march.csv"
RECEIPT = {
    "disposition": "PARTIAL",
    "rows_accepted": 301,
    "rows_quarantined": 2,
    "missing": {"ca": 4, "age": 0},
    "reasons": {"unknown_code:cp": 2},
    "details": [
        {"rule": "unknown_code:cp", "count": 2, "rows": [7, 9], "say": "2 rows have an unknown code in cp."}
    ],
}


def test_a_dropped_file_arrives_under_its_use_case_with_its_digest(
    deployment: Any, clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "march.csv").write_text("age\n63\n")
    answer = clinrisk("drop", tmp_path / "march.csv", *AS_IT_IS, "--json")
    stored = deployment.s3.get_object(Bucket=deployment.outputs["InboxBucket"], Key=KEY)
    assert answer.code == 0
    assert answer.json() == {"key": KEY, "version_id": stored["VersionId"], "bytes": 7}
    assert stored["Body"].read() == b"age\n63\n"
    assert list(stored["Metadata"]) == ["sha256"]
    assert len(stored["Metadata"]["sha256"]) == 64


def test_what_is_stated_about_a_dropped_file_stands_in_its_metadata(
    deployment: Any, clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "march.csv").write_text("age\n63\n")
    stated = ("--description", "Klinik für Kardiologie, 2019", "--synthetic")
    assert clinrisk("drop", tmp_path / "march.csv", *AS_IT_IS, *stated).code == 0
    stored = deployment.s3.head_object(Bucket=deployment.outputs["InboxBucket"], Key=KEY)["Metadata"]
    assert statements_of(stored) == ("Klinik für Kardiologie, 2019", True)


@pytest.mark.parametrize("target", ["heart", "heart/sideways", "kidney/training", "/training"])
def test_an_unknown_use_case_or_purpose_is_a_usage_error(
    clinrisk: Callable[..., Any], tmp_path: Path, target: str
) -> None:
    (tmp_path / "a.csv").write_text("age\n")
    answer = clinrisk("drop", tmp_path / "a.csv", "--as", target)
    assert answer.code == 2
    assert "Traceback" not in answer.err


def test_drop_waits_for_the_receipt_of_its_own_version(
    deployment: Any, clinrisk: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "march.csv").write_text("age\n63\n")
    deployment.write("ResultsBucket", f"receipts/{KEY}.an-older-version.json", RECEIPT)

    def pipeline(_: float) -> None:
        version = deployment.s3.head_object(Bucket=deployment.outputs["InboxBucket"], Key=KEY)["VersionId"]
        deployment.write(
            "ResultsBucket", f"receipts/{KEY}.{version}.json", RECEIPT | {"disposition": "ACCEPTED"}
        )

    monkeypatch.setattr("time.sleep", pipeline)
    answer = clinrisk("drop", tmp_path / "march.csv", *AS_IT_IS, "--wait", "--json")
    assert answer.json()["disposition"] == "ACCEPTED"


def test_a_receipt_that_does_not_come_ends_with_a_remedy(
    deployment: Any, clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "march.csv").write_text("age\n63\n")
    answer = clinrisk("drop", tmp_path / "march.csv", *AS_IT_IS, "--wait", "--patience", "0")
    assert answer.code == 1
    assert "clinrisk status" in answer.err


@pytest.mark.parametrize("target", ["march.csv", "heart/training/march.csv", KEY])
def test_a_receipt_is_found_by_key_or_by_file_name(
    deployment: Any, clinrisk: Callable[..., Any], target: str
) -> None:
    deployment.write("ResultsBucket", f"receipts/{KEY}.v1.json", RECEIPT)
    deployment.write("ResultsBucket", "receipts/inbox/heart/training/march.csv.old.csv.v1.json", RECEIPT)
    found = clinrisk("receipts", target, "--json").json()
    assert [(one["key"], one["version_id"], one["rows_accepted"]) for one in found] == [(KEY, "v1", 301)]


def test_one_receipt_shows_counts_rules_and_missing_values(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    deployment.write("ResultsBucket", f"receipts/{KEY}.v1.json", RECEIPT)
    shown = clinrisk("receipts", "march.csv").out
    assert "PARTIAL" in shown
    assert "Rows used: 301. Rows quarantined: 2." in shown
    assert "unknown_code:cp  2     7, 9        2 rows have an unknown code in cp." in shown
    assert "ca " in shown


def test_the_newest_receipt_of_a_file_is_shown_in_full_and_the_others_are_listed(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    for version in ("v1", "v2"):
        deployment.write("ResultsBucket", f"receipts/{KEY}.{version}.json", RECEIPT)
    shown = clinrisk("receipts", "march.csv").out
    assert shown.index("(version v") < shown.index("Earlier") < shown.rindex("PARTIAL")


def test_a_receipt_that_is_named_by_digest_is_found_by_its_key(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    key = "inbox/heart/training/" + "k" * 1000
    deployment.write("ResultsBucket", receipt_key(key, "v1"), RECEIPT | {"key": key})
    assert [one["key"] for one in clinrisk("receipts", key, "--json").json()] == [key]


def test_without_a_receipt_a_sentence_says_so(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    assert "no receipts yet" in clinrisk("receipts").out
    assert "--watch" in clinrisk("receipts", "nothing.csv").out


def test_watching_a_key_that_was_never_dropped_is_refused(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    answer = clinrisk("receipts", "heart/training/never.csv", "--watch")
    assert answer.code == 1
    assert "Nothing was dropped" in answer.err


@pytest.mark.parametrize("multipart_above", [64, 0])
def test_a_drop_names_how_to_read_its_receipt(
    deployment: Any,
    clinrisk: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    multipart_above: int,
) -> None:
    (tmp_path / "march.csv").write_text("age\n63\n")
    monkeypatch.setattr("cli.ingest.MULTIPART_BYTES", multipart_above)
    answer = clinrisk("drop", tmp_path / "march.csv", *AS_IT_IS)
    assert answer.code == 0
    assert f"clinrisk receipts {KEY} --watch" in answer.out
    stored = deployment.s3.get_object(Bucket=deployment.outputs["InboxBucket"], Key=KEY)
    assert stored["Body"].read() == b"age\n63\n"
    assert len(stored["Metadata"]["sha256"]) == 64


def test_watching_waits_for_the_receipt_of_the_version_in_the_inbox(
    deployment: Any, clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "march.csv").write_text("age\n63\n")
    version = clinrisk("drop", tmp_path / "march.csv", *AS_IT_IS, "--json").json()["version_id"]
    refused = {"disposition": "REJECTED", "explanation": ["The header lacks columns."]}
    deployment.write("ResultsBucket", f"receipts/{KEY}.{version}.json", refused)
    answer = clinrisk("receipts", "heart/training/march.csv", "--watch")
    assert "REJECTED" in answer.out
    assert "The header lacks columns." in answer.out
    assert "The file was not used." in answer.err


def test_watching_needs_an_inbox_key(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    assert clinrisk("receipts", "march.csv", "--watch").code == 2
    assert clinrisk("receipts", "--watch").code == 2


def test_the_newest_receipts_are_listed_up_to_a_number(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    for day in range(3):
        deployment.write("ResultsBucket", f"receipts/inbox/heart/training/{day}.csv.v1.json", RECEIPT)
    shown = clinrisk("receipts", "--last", "2").out
    assert shown.count("PARTIAL") == shown.count("heart/training/") == 2


def _cohort(clinrisk: Callable[..., Any], out: Path) -> Path:
    assert clinrisk("cohort", "heart", "--rows", "30", "--out", out).code == 0
    return out


def test_several_files_are_dropped_at_once(
    deployment: Any, clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    files = [_cohort(clinrisk, tmp_path / name) for name in ("march.csv", "april.csv")]
    answer = clinrisk("drop", *files, "--as", "heart/training", "--json")
    assert [one["key"].rpartition("/")[2] for one in answer.json()] == ["march.csv", "april.csv"]
    assert clinrisk("drop", *files, "--as", "heart/training", "--name", "x.csv").code == 2


def test_a_file_that_would_be_rejected_is_not_uploaded_and_neither_is_any_other(
    deployment: Any, clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "b.csv").write_text("age\n63\n")
    answer = clinrisk(
        "drop", _cohort(clinrisk, tmp_path / "a.csv"), tmp_path / "b.csv", "--as", "heart/training"
    )
    assert answer.code == 1
    assert "would be REJECTED" in answer.err
    assert "clinrisk check" in answer.err
    assert "Contents" not in deployment.s3.list_objects_v2(Bucket=deployment.outputs["InboxBucket"])


@pytest.mark.parametrize(
    ("disposition", "code"),
    [("ACCEPTED", 0), ("PARTIAL", 0), ("DUPLICATE", 0), ("REJECTED", 1), ("FAILED", 1), ("HELD", 1)],
)
def test_the_exit_code_says_whether_a_file_was_used(  # noqa: PLR0917  # two facts, four fixtures
    disposition: str,
    code: int,
    deployment: Any,
    clinrisk: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def pipeline(_: float) -> None:
        version = deployment.s3.head_object(Bucket=deployment.outputs["InboxBucket"], Key=KEY)["VersionId"]
        written = RECEIPT | {"disposition": disposition}
        deployment.write("ResultsBucket", f"receipts/{KEY}.{version}.json", written)

    file = _cohort(clinrisk, tmp_path / "march.csv")
    monkeypatch.setattr("time.sleep", pipeline)
    assert clinrisk("drop", file, "--as", "heart/training", "--wait").code == code


def test_rows_that_the_stack_set_aside_are_given_back(
    deployment: Any, clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    upload_id = "0f1e2d3c4b5a69788796"
    facts = {"upload_id": upload_id, "use_case": "heart"}
    deployment.write("ResultsBucket", f"receipts/{KEY}.v1.json", RECEIPT | facts)
    row = {"row": 7, "rule": "unknown_code", "column": "cp", "also": "", "raw": "63,1,0"}
    body = io.BytesIO()
    pl.DataFrame([row]).write_parquet(body)
    key = f"quarantine/heart/{upload_id}/chunk-00000.parquet"
    deployment.s3.put_object(Bucket=deployment.outputs["LakeBucket"], Key=key, Body=body.getvalue())
    target = tmp_path / "bad.csv"
    assert clinrisk("quarantine", "heart/training/march.csv", "--csv", target).code == 0
    assert target.read_text().splitlines()[1].startswith('7,unknown_code:cp,"1 row has ')
    assert clinrisk("quarantine", "heart/training/april.csv", "--csv", target).code == 1
