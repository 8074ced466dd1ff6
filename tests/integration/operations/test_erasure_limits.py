"""Erasures that have no time, that others disturb, and that find what has ended or was never complete."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import s3
from clinrisk.aws.tables import decided_uploads, uploads
from clinrisk.core import object_keys
from clinrisk.errors import ClaimLost, CountsDisagree, ObjectReplaced
from clinrisk.services.operations import patient_removal
from tests.integration.inbox_files import STROKE_HEADER, Ingest, csv, stroke_batch, stroke_rows
from tests.integration.operations.test_erase_patients import (
    ID,
    OTHER,
    archive,
    ask,
    lines_of,
    machines,
    name,
    naming,
    pseudonym,
    scored,
    stored,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Stack

__all__ = ["machines", "scored"]  # fixtures
ELSEWHERE = f"scores/stroke/{'c' * 20}/v1/batch-00000.csv.out"


def theirs(*patients: str) -> bytes:
    """Return scores of patients."""
    return "".join(f"{pseudonym(one)},0.1\n" for one in patients).encode()


def test_calls_without_time_come_to_the_same_end(stack: Stack, scored: str) -> None:
    name(stack)
    lines, calls = lines_of(stack, scored), 1
    while (done := ask(stack, "erase", seconds=0))["stage"] != "erased":
        calls += 1
        assert not done["refused"]
    assert calls > 10
    assert naming(stored(stack), ID) == []
    assert lines_of(stack, scored) == [line for line in lines if f",{ID},".encode() not in line]


def written_again(stack: Stack, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let somebody write a row of the patient whenever an upload was erased, so often."""
    followed, left = patient_removal.follow, list(range(times))

    def and_write(*given: Any) -> None:
        followed(*given)
        if left:
            stack.put("lake", ELSEWHERE, theirs(ID, OTHER))
            left.pop()

    monkeypatch.setattr(patient_removal, "follow", and_write)


def test_what_is_written_after_the_erasure_is_found_by_the_proof(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ingest.of(stack, "inbox/stroke/inference/ward.csv", stroke_batch(20)).run()
    name(stack)
    written_again(stack, monkeypatch, 1)
    assert ask(stack, "erase")["stage"] == "erased"
    assert stack.read(f"s3://clinrisk-lake/{ELSEWHERE}") == theirs(OTHER)


def test_what_is_written_again_and_again_ends_the_erasure_in_words(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ingest.of(stack, "inbox/stroke/inference/ward.csv", stroke_batch(20)).run()
    name(stack)
    written_again(stack, monkeypatch, 100)
    with pytest.raises(CountsDisagree, match="again and again"):
        ask(stack, "erase")
    assert stack.ledger("erased") == []


def test_an_object_that_others_replace_at_every_attempt_is_left_to_another_call(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.put("lake", ELSEWHERE, theirs(ID, OTHER))
    name(stack)
    attempts: list[Any] = []

    def refused(*given: Any, **_: Any) -> Any:
        attempts.append(given)
        raise ObjectReplaced("another version is there")

    with monkeypatch.context() as patched:
        patched.setattr(s3, "store_blocks", refused)
        with pytest.raises(ObjectReplaced):
            ask(stack, "erase")
    assert len(attempts) == 5
    assert ask(stack, "erase")["stage"] == "erased"


def test_a_decision_at_the_same_moment_is_not_overwritten(
    stack: Stack, scored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name(stack)
    with monkeypatch.context() as patched:
        patched.setattr(decided_uploads, "keep_erasure", lambda *_: False)
        with pytest.raises(ClaimLost, match="at the same moment"):
            ask(stack, "erase")
    assert ask(stack, "erase")["stage"] == "erased"
    settled = uploads.settlement_of(scored)
    assert settled is not None
    assert settled.rows_accepted == 19


def end_all(stack: Stack, bucket: str, prefix: str) -> None:
    """Delete every version, as a rule of the bucket does."""
    listed = stack.s3.list_object_versions(Bucket=f"clinrisk-{bucket}", Prefix=prefix)
    for one in listed.get("Versions", []):
        stack.s3.delete_object(Bucket=f"clinrisk-{bucket}", Key=one["Key"], VersionId=one["VersionId"])


def test_of_rows_that_have_ended_nothing_is_counted_again(stack: Stack, scored: str) -> None:
    end_all(stack, "lake", "features/")
    end_all(stack, "inbox", "inbox/")
    name(stack)
    done = ask(stack, "erase")
    assert done["stage"] == "erased"
    assert not {"inbox/", "features/"} & {one["name"] for one in done["locations"]}
    settled = uploads.settlement_of(scored)
    assert settled is not None
    assert (settled.rows_accepted, settled.erasures) == (20, ())


def test_only_the_upload_that_holds_the_patient_is_taken_out_of_a_key(stack: Stack) -> None:
    key = "inbox/stroke/inference/ward.csv"
    Ingest.of(stack, key, stroke_batch(20)).run()
    others = csv(STROKE_HEADER.removesuffix(",stroke"), stroke_rows(20, 3, label=False, first_id=5000))
    Ingest.of(stack, key, others, "run-2").run()
    name(stack)
    assert ask(stack, "erase")["stage"] == "erased"
    assert stack.read(f"s3://clinrisk-inbox/{key}") == others
    assert [data for (_, one, _), data in stored(stack).items() if one == key] == [others]


@pytest.mark.parametrize("there", [True, False])
def test_a_row_in_quarantine_is_erased_while_its_file_is_there_and_after(stack: Stack, there: bool) -> None:  # noqa: FBT001
    lines = stroke_batch(20).decode().splitlines()
    lines[4:6] = [line.replace("ale,", "ale,many,", 1).replace("many,", "many", 1) for line in lines[4:6]]
    assert lines[4].startswith(f"{ID},")
    Ingest.of(stack, "inbox/stroke/inference/ward.csv", ("\n".join(lines) + "\n").encode()).run()
    assert [one for one in naming(stored(stack), ID) if "quarantine/" in one]
    if not there:
        end_all(stack, "inbox", "inbox/")
    name(stack)
    assert ask(stack, "erase")["stage"] == "erased"
    left = naming(stored(stack), ID)
    assert left == []
    assert [one for one in naming(stored(stack), OTHER) if "quarantine/" in one]


def test_results_without_a_sidecar_and_scores_of_another_batch(stack: Stack, scored: str) -> None:
    shadow = f"shadow/stroke/run-1/scores/{'d' * 20}/batch-00000.csv.out"
    stack.put("lake", shadow, theirs(OTHER))
    address = f"results/stroke/ward/{scored}"
    end_all(stack, "results", f"{address}.json")
    name(stack)
    assert ask(stack, "erase")["stage"] == "erased"
    assert f"{address}.json" not in stack.keys("results")
    assert naming(stored(stack), ID) == []
    assert shadow in stack.keys("lake")


def test_a_model_that_kept_no_digests_is_named_by_nobody(stack: Stack, scored: str) -> None:
    stack.put(
        "lake", "candidates/stroke/run-3/model.tar.gz", archive(**{"card.json": json.dumps({}).encode()})
    )
    stack.put("lake", "candidates/stroke/run-4/model.tar.gz", b"a vendor's")
    name(stack)
    found = ask(stack, "search")
    assert (found["stage"], found["learned_by"]) == ("found", [])
    assert scored


@pytest.mark.parametrize("action", ["hold", "release"])
def test_there_is_no_hold_without_ids(stack: Stack, action: str) -> None:
    refused = ask(stack, action, reason="Case 7 at court.")
    assert (refused["stage"], "no file of ids" in refused["refused"]) == ("refused", True)
    assert object_keys.legal_hold("stroke", "0123456789abcdef") not in stack.keys("lake")


@pytest.mark.parametrize(
    ("blocks", "lines"),
    [([b"a\r\nb", b"c\r\n"], ["a\r\n", "bc\r\n"]), ([b"a\nb"], ["a\n", "b"]), ([], [])],
)
def test_lines_are_the_same_however_they_are_cut(blocks: list[bytes], lines: list[str]) -> None:
    read: Callable[..., Any] = patient_removal._text_lines
    assert list(read(blocks)) == lines
