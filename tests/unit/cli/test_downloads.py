import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_fetch_brings_home_what_a_run_wrote(
    deployment: Any, clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    deployment.write("ResultsBucket", "reports/heart/heart-1/report.html", "<html></html>")
    deployment.write("ResultsBucket", "reports/heart/heart-1/editions/model-card-0002.html", "<html></html>")
    deployment.write("LakeBucket", "evaluation/heart/heart-1/evaluation.json", {"threshold": 0.3})
    deployment.write("ResultsBucket", "results/heart/ward-7/u1.csv", "row,id\n")
    deployment.write("ResultsBucket", "results/heart/ward-7/u1.json", {"row": "of the file"})
    deployment.write("ResultsBucket", "results/heart/ward-7/u1.RECALLED.txt", "Do not use them.")
    deployment.write("ResultsBucket", "receipts/inbox/heart/training/a.csv.v1.json", {})
    deployment.write("ResultsBucket", "model-pages/heart/2026-03-01T09-30-00-run-1.html", "the page")
    fetched = clinrisk("fetch", "heart", "--out", tmp_path, "--json").json()
    assert Path(fetched["model_page"]).read_text() == "the page"
    assert json.loads(Path(fetched["evaluation"]).read_text()) == {"threshold": 0.3}
    assert Path(fetched["results"][0]) == tmp_path / "heart" / "results" / "ward-7.u1.csv"
    notice = tmp_path / "heart" / "results" / "ward-7.u1.RECALLED.txt"
    assert (fetched["recalled"], notice.read_text()) == ([str(notice)], "Do not use them.")
    assert [Path(one).name for one in fetched["sidecars"]] == ["ward-7.u1.json"]
    assert Path(fetched["receipts"][0]).name == "training.a.csv.v1.json"
    [edition] = fetched["card_editions"]
    assert Path(edition) == tmp_path / "heart" / "card_editions" / "model-card-0002.html"
    assert clinrisk("fetch", "stroke", "--out", tmp_path).code == 1
