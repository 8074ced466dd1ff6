"""What no longer allows a release, in words that fit into every place that shows them."""

from __future__ import annotations

from clinrisk.core import failure_text
from clinrisk.core.release import obstacles


def test_many_withdrawn_files_are_counted_and_the_sentence_leaves_in_one_piece() -> None:
    files = [{"key": f"inbox/stroke/training/{n}{'ü' * 90}.csv", "upload_id": f"{n:020x}"} for n in range(12)]
    reason = obstacles.withdrawn(files, {files[3]["upload_id"]}, "stroke")
    assert reason.startswith("It learned from 11 files that were withdrawn since: 0????")
    assert reason.endswith("candidate: clinrisk train stroke --reason TEXT")
    assert " and 9 more. " in reason
    assert failure_text.one_line(reason) == reason
