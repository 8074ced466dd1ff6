"""The text of report and model card, as a whole."""

from __future__ import annotations

from pathlib import Path

from clinrisk.jobs.report.model_card import card_files
from clinrisk.jobs.report.report_page import render
from tests.unit.jobs.evaluation.documents import LIVE, USE_CASE, evaluated, manifest_of, scored
from tests.unit.page_snapshots import assert_unchanged

SNAPSHOTS = Path(__file__).parent / "snapshots"
DOCUMENT = evaluated(scored(5, champion=True), scored(6, 100, champion=True), champion=LIVE, holdout_uses=2)


def test_the_report() -> None:
    assert_unchanged(render(DOCUMENT, manifest_of(DOCUMENT), USE_CASE), SNAPSHOTS / "report.txt")


def test_the_model_card() -> None:
    files = card_files(DOCUMENT, manifest_of(DOCUMENT), USE_CASE)
    assert_unchanged(files["model-card.html"].decode(), SNAPSHOTS / "model-card.txt")
