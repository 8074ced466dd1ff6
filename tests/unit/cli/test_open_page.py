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
        "changed_since": [],
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


def test_a_page_that_was_made_before_a_release_or_a_pause_is_called_so(
    deployment: Any, clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    deployment.write("ResultsBucket", "model-pages/heart/2026-03-01T09-30-00-b.html", "page")
    item = {"pk": "USE_CASE#heart", "since": "2026-03-01T09:29:00.000Z"}
    facts = {"use_case": "heart", "person": "ada", "reason": "r", "execution": "e", "ended_by": ""}
    deployment.item("DeploymentsTable", **item, **facts, sk="PAUSE")
    live = {"pk": "USE_CASE#heart", "sk": "LIVE", "live_version": 4}
    deployment.item("DeploymentsTable", **live, promoted_at="2026-03-01T09:30:00.000Z")
    arguments = ("open", "heart", "--out", tmp_path, "--no-browser")
    assert clinrisk(*arguments).err.count("since this page was made") == 0
    deployment.item("DeploymentsTable", **live, promoted_at="2026-03-01T09:30:01.000Z")
    deployment.item("DeploymentsTable", **item | {"since": "2026-03-02T08:00:00.000Z"}, **facts, sk="PAUSE")
    answer = clinrisk(*arguments)
    assert "Version 4 has gone live since this page was made" in answer.err
    assert "Results of heart are paused, since this page was made" in answer.err
    assert answer.code == 0
