"""Every hostile file of the corpus gets its one right answer, offline."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cli.local_files.upload_preview import preview
from tests.corpus import FILES, Case

MEGABYTES = 512
"""What a worker of the inbox may use."""
MEASURED = """
import resource, sys
from cli.local_files.upload_preview import preview
from tests.corpus import FILES
unit = 1024**2 if sys.platform == "darwin" else 1024
made = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for case in (one for one in FILES if len(one.data) > 2**20 or "bomb" in one.name):
    preview(case.data, case.use_case, case.purpose)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - made) // unit)
"""


def test_names_are_unique_and_there_are_enough() -> None:
    assert len({case.name for case in FILES}) == len(FILES) >= 60


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.name)
def test_a_file_gets_its_answer(case: Case) -> None:
    verdict = preview(case.data, case.use_case, case.purpose).verdict
    found = (verdict.disposition, verdict.rows_accepted, verdict.rows_quarantined)
    assert found == (case.disposition, case.accepted, case.quarantined), verdict.reasons
    if case.reasons is not None:
        assert dict(verdict.reasons) == case.reasons


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.name)
def test_every_reason_has_a_sentence_of_its_own(case: Case) -> None:
    found = preview(case.data, case.use_case, case.purpose)
    assert {detail["rule"] for detail in found.details} >= set(found.verdict.reasons)
    for sentence, detail in zip(found.sentences, found.details, strict=False):
        assert sentence.endswith(detail["say"])
        assert detail["say"].endswith(".")


def test_no_large_file_takes_more_memory_than_a_worker_may_have() -> None:
    """In a process of its own, where no other test has used memory before."""
    done = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True)
    assert int(done.stdout) < MEGABYTES
