"""The complete text of report and model card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.jobs.report.model_card import card_files
from clinrisk.jobs.report.report_page import render
from tests.unit.jobs.evaluation.documents import LIVE, USE_CASE, evaluated, manifest_of, scored
from tests.unit.page_text import text_of

if TYPE_CHECKING:
    from tests.unit.conftest import Snapshot

DOCUMENT = evaluated(scored(5, champion=True), scored(6, 100, champion=True), champion=LIVE, holdout_uses=2)


def test_the_report(snapshot: Snapshot) -> None:
    snapshot("report", text_of(render(DOCUMENT, manifest_of(DOCUMENT), USE_CASE)))


def test_the_model_card(snapshot: Snapshot) -> None:
    files = card_files(DOCUMENT, manifest_of(DOCUMENT), USE_CASE)
    snapshot("model-card", text_of(files["model-card.html"].decode()))
