"""A room below its floor is low, in lines or in branches, and so is a room that nothing measured."""

import pytest

from tools.coverage_floors import verdicts


def summary(lines: int, branches: int) -> dict[str, dict[str, int]]:
    figures = {"covered_lines": lines, "num_statements": 100, "missing_lines": 100 - lines}
    return {
        "summary": figures
        | {"covered_branches": branches, "num_branches": 50, "missing_branches": 50 - branches}
    }


@pytest.mark.parametrize(
    ("lines", "branches", "reached"),
    [(98, 49, True), (100, 50, True), (97, 50, False), (100, 48, False)],
)
def test_a_room_reaches_its_floor_in_lines_and_in_branches(
    lines: int, branches: int, *, reached: bool
) -> None:
    report = {"files": {"core/a.py": summary(lines, branches), "core_other/b.py": summary(0, 0)}}
    [(text, found)] = verdicts(report, {"core": 98})
    assert found is reached
    assert ("core/a.py" in text) is not reached


def test_files_of_a_room_count_together() -> None:
    report = {"files": {"core/a.py": summary(100, 50), "core/b.py": summary(96, 48)}}
    assert [reached for _, reached in verdicts(report, {"core": 98, "core/b.py": 90})] == [True, False]


def test_a_room_without_a_file_is_low() -> None:
    assert [reached for _, reached in verdicts({"files": {}}, {"core": 0})] == [False]
