"""Every hostile file of the corpus gets its one right answer, offline."""

from __future__ import annotations

import resource
import sys
import time

import pytest

from cli.local_files.upload_preview import preview
from tests.corpus import FILES, Case

SECONDS, MEGABYTES = 2.0, 512


def test_names_are_unique_and_there_are_enough() -> None:
    assert len({case.name for case in FILES}) == len(FILES) >= 60


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.name)
def test_a_file_gets_its_answer(case: Case) -> None:
    began = time.process_time()
    verdict = preview(case.data, case.use_case, case.purpose).verdict
    assert time.process_time() - began < SECONDS
    told = (verdict.disposition, verdict.rows_accepted, verdict.rows_quarantined)
    assert told == (case.disposition, case.accepted, case.quarantined), verdict.reasons
    if case.reasons is not None:
        assert dict(verdict.reasons) == case.reasons


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.name)
def test_every_reason_is_told_in_a_sentence_of_its_own(case: Case) -> None:
    told = preview(case.data, case.use_case, case.purpose)
    assert {detail["rule"] for detail in told.details} >= set(told.verdict.reasons)
    assert all(detail["say"].endswith(".") for detail in told.details)
    assert all(
        sentence.endswith(detail["say"])
        for sentence, detail in zip(told.sentences, told.details, strict=True)
    )


def test_no_file_of_them_takes_more_memory_than_a_worker_may_have() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024**2 if sys.platform == "darwin" else 1024
    )
    assert used < 2 * MEGABYTES  # the corpus itself, made in this process, is in memory as well
