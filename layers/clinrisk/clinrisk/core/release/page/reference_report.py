"""The report on a reference: what the predictions of another model show, as one page without script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.core.evaluation.figure_text import share
from clinrisk.core.release.page.approval_page import render
from clinrisk.core.release.page.evidence_view import RATES, evidence_of, summary_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.use_cases.base import UseCase


def report(use_case: UseCase, evaluation: Mapping[str, Any], sources: Sequence[Mapping[str, Any]]) -> str:
    """Return the page: the same evaluation, the same bytes. It holds counts, and names files by upload."""
    points = evaluation["curves"]["calibration"]["points"]
    return render(
        "reference-report.html.j2",
        use_case=use_case,
        evaluation=evaluation,
        evidence=evidence_of(evaluation, use_case),
        summary=summary_of(evaluation, use_case),
        versions=", ".join(one or "not stated" for one in evaluation["cohort"]["versions"]),
        calibration=[{**one, "observed": share(one["observed"])} for one in points],
        rate_titles=tuple(RATES.values()),
        sources=sources,
    )
