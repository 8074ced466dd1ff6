import pytest

from cli.screen import console, duration, moment, show_details, show_missing, show_table


def test_moments_are_shown_to_the_minute_in_utc() -> None:
    assert moment(None) == ""
    assert moment(1_772_359_259) == moment("2026-03-01T11:00:59+01:00") == "2026-03-01 10:00 UTC"


def test_a_rule_about_the_file_has_no_rows_and_nothing_broken_shows_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_details([])
    show_missing({"age": 0})
    assert capsys.readouterr().out == ""
    show_details([{"rule": "columns_missing", "count": 0, "rows": [], "say": "Add the column age."}])
    assert "columns_missing  file" in capsys.readouterr().out


@pytest.mark.parametrize("typed", ["see [/docs/x]", "see [final] note", "[red]"])
def test_what_somebody_typed_is_shown_as_it_is(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_table("Uploads", ("why",), [(typed,)], "none")
    console().print(typed)
    assert capsys.readouterr().out.count(typed) == 2


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (9.94, "9.9 s"),
        (10, "10 s"),
        (59, "59 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (86399, "23 h 59 min"),
        (86400, "1 d 0 h"),
    ],
)
def test_a_duration_is_in_the_units_that_people_use(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
