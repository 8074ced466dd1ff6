import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(webbrowser, "open", found.append)
    return found


def test_the_newest_edition_is_downloaded_and_opened(
    deployment: Any, clinrisk: Callable[..., Any], tmp_path: Path, opened: list[str]
) -> None:
    for started, text in (("2026-03-01T09-30-00-b", "second"), ("2026-02-28T09-30-00-c", "first")):
        deployment.write("ResultsBucket", f"model-pages/heart/{started}.html", text)
    file = tmp_path / "heart/model-page.html"
    assert clinrisk("open", "heart", "--out", tmp_path, "--no-browser").out.replace("\n", "") == str(file)
    assert file.read_text() == "second"
    assert opened == []
    answer = clinrisk("open", "heart", "--out", tmp_path, "--json").json()
    assert answer == {
        "page": str(file),
        "edition": "model-pages/heart/2026-03-01T09-30-00-b.html",
        "editions": 2,
    }
    assert opened == []
    assert clinrisk("open", "heart", "--out", tmp_path).code == 0
    assert opened == [file.as_uri()]


@pytest.mark.usefixtures("deployment")
def test_before_the_first_run_the_command_that_makes_a_page_is_named(
    clinrisk: Callable[..., Any], opened: list[str]
) -> None:
    answer = clinrisk("open", "stroke")
    assert answer.code == 1
    assert "clinrisk monitor stroke --wait" in answer.err
    assert opened == []
