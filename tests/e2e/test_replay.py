"""`twin replay` on the corpus of hostile files: each gets its answer, and `clinrisk check` the same one."""

import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cli.local_files.upload_preview import preview
from clinrisk.core import object_keys
from tests.corpus import EVERYTHING, FILES, Case
from tests.e2e.conftest import TWIN, free_port
from twin.replay.upload_watch import upload_id_of

MEGABYTES = 512
FIELDS = [
    *("key", "disposition", "rows_accepted", "rows_quarantined", "missing", "reasons", "seconds", "peak_mb"),
]

# tests/unit/ingest/test_corpus.py reads every file: here a third of them, with all that depends on another
# one or on a key; all of them with LONG_TESTS=1.
TIMES = Counter(case.data for case in EVERYTHING)
REPLAYED = tuple(
    case
    for number, case in enumerate(EVERYTHING)
    if number % 3 == 0
    or case not in FILES
    or TIMES[case.data] > 1
    or case.disposition not in {"ACCEPTED", "PARTIAL", "REJECTED"}
    or "LONG_TESTS" in os.environ
)

pytestmark = [pytest.mark.twin, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the replay wrote: receipts.json, rows/, and what it said in printed.txt."""
    root = tmp_path_factory.mktemp("replay")
    manifest = []
    for number, case in enumerate(REPLAYED):
        (root / f"{number}.bin").write_bytes(case.data)
        given: dict[str, Any] = {"key": case.inbox_key, "file": f"{number}.bin"}
        manifest.append(given | ({"metadata": dict(case.metadata)} if case.metadata else {}))
    (root / "manifest.json").write_text(json.dumps(manifest))
    command = [str(TWIN), "replay", str(root / "manifest.json"), "--out", str(root / "receipts.json")]
    command += ["--rows", str(root / "rows"), "--port", str(free_port())]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (root / "printed.txt").write_text(done.stdout)
    return root


@pytest.fixture(scope="module")
def answers(folder: Path) -> dict[str, dict[str, Any]]:
    """What became of each case, by its name."""
    listed = json.loads((folder / "receipts.json").read_text())
    assert len(listed) == len(REPLAYED)
    return {case.name: entry for case, entry in zip(REPLAYED, listed, strict=True)}


@pytest.mark.parametrize("case", REPLAYED, ids=lambda case: case.name)
def test_every_upload_gets_its_answer(answers: dict[str, dict[str, Any]], case: Case) -> None:
    entry = answers[case.name]
    assert list(entry) == FIELDS
    assert entry["key"] == case.inbox_key
    settled = (entry["disposition"], entry["rows_accepted"], entry["rows_quarantined"])
    assert settled == (case.disposition, case.accepted, case.quarantined), entry["reasons"]
    if case.reasons is not None:
        assert entry["reasons"] == case.reasons


@pytest.mark.parametrize("case", [case for case in FILES if case in REPLAYED], ids=lambda case: case.name)
def test_the_check_on_ones_own_machine_gives_the_same_answer(
    answers: dict[str, dict[str, Any]], case: Case
) -> None:
    offline = preview(case.data, case.use_case, case.purpose).as_json()
    entry = answers[case.name]
    for name in ("disposition", "rows_accepted", "rows_quarantined", "missing", "reasons"):
        assert offline[name] == entry[name], name


def test_no_refusal_takes_much_memory(answers: dict[str, dict[str, Any]]) -> None:
    # How long one takes depends on the machine; what it costs is in tests/unit/ingest/test_corpus.py.
    peaks = {name: one["peak_mb"] for name, one in answers.items() if one["disposition"] == "REJECTED"}
    assert {name: peak for name, peak in peaks.items() if not 0 < peak <= MEGABYTES} == {}


def test_the_rows_that_were_used_are_there_to_read(folder: Path, answers: dict[str, dict[str, Any]]) -> None:
    used = [
        number
        for number, entry in enumerate(answers.values(), 1)
        if entry["disposition"] in {"ACCEPTED", "PARTIAL"} and entry["rows_accepted"]
    ]
    assert sorted(path.name for path in (folder / "rows").iterdir()) == [
        f"{number:05d}.parquet" for number in used
    ]
    for number, entry in enumerate(answers.values(), 1):
        if number in used:
            table = pq.read_table(folder / "rows" / f"{number:05d}.parquet")
            assert table.num_rows == entry["rows_accepted"]
            assert {"record_id", "row"} <= set(table.column_names)


def test_progress_is_shown_without_what_keys_could_do_to_a_terminal(folder: Path) -> None:
    printed = (folder / "printed.txt").read_text()
    assert f"{len(REPLAYED)}/{len(REPLAYED)}" in printed
    assert all(character.isprintable() or character == "\n" for character in printed)


def test_a_manifest_that_cannot_be_used_is_refused_before_anything_starts(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text('[{"key": "inbox/x", "file": "not-there.csv"}]')
    command = [str(TWIN), "replay", str(manifest), "--out", str(tmp_path / "receipts.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Entry 1" in done.stdout
    assert not (tmp_path / "receipts.json").exists()


def test_twin_and_stack_name_an_upload_alike() -> None:
    for key in ("inbox/heart/training/a.csv", "inbox/\u00fc+\n"):
        assert upload_id_of("inbox", key, "v1") == object_keys.upload_id("inbox", key, "v1")
