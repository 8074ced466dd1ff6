"""The page of a live model as HTML that needs no network and no script.

From the same facts it is the same bytes. Figures come from `outcome_figures`, `drift_history` and
`gap_lines`; pictures from `svg_charts`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from clinrisk.core.evaluation.estimates import Estimate
from clinrisk.core.evaluation.figure_text import number, percent, share
from clinrisk.core.limits import LIMITS
from clinrisk.core.mails import printable
from clinrisk.core.monitoring.findings import Check
from clinrisk.core.monitoring.memory.known_findings import OVER
from clinrisk.core.monitoring.page import svg_charts
from clinrisk.core.monitoring.page.drift_history import history_of
from clinrisk.core.monitoring.page.feedback_lines import feedback_lines, feedback_notes, override_chart
from clinrisk.core.monitoring.page.gap_lines import gap_lines
from clinrisk.core.monitoring.page.outcome_figures import calibration_points, newest
from clinrisk.core.monitoring.page.outcome_notes import no_outcomes, outcome_notes
from clinrisk.core.release.page.evidence_view import TableLine
from clinrisk.core.timestamps import day

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markupsafe import Markup

    from clinrisk.core.monitoring.page.outcome_figures import OutcomeFigures
    from clinrisk.core.monitoring.page.page_facts import PageFacts, PastRelease
    from clinrisk.use_cases.base import UseCase

SECTIONS = (
    ("findings", "Findings"),
    ("outcomes", "Outcomes"),
    ("threshold", "Calibration and threshold"),
    ("groups", "Groups"),
    ("feedback", "What clinicians did"),
    ("drift", "Inputs and risks"),
    ("batches", "Batches"),
    ("releases", "Releases"),
)
MONTHS = 24
"""So many of the newest months are shown."""
_GAPS = 8
_WORDS = {"OK": "OK", "ALERT": "alert", "NOT_EVALUATED": "not evaluated", "": "not checked"}


def page(use_case: UseCase, facts: PageFacts) -> str:
    """Return the page."""
    name, live = use_case.name, facts.live
    lines = gap_lines(use_case, facts)
    periods = newest(facts.months, MONTHS)
    shown = {
        "title": use_case.title,
        "version": live.live_version,
        "made_at": facts.made_at,
        "run": facts.run,
        "facts": _facts(facts),
        "pause": facts.pause,
        "not_run": sorted({check.value for check in Check} - {one.check for one in facts.findings}),
        "left_out": facts.scored.notes if facts.scored else [],
        "signed": _signed(use_case, facts),
        "open_findings": [one for one in facts.known if one.state not in OVER],
        "assign": "clinrisk assign ID --to NAME",
        "resolve": "clinrisk resolve ID --reason TEXT",
        "periods": [_period(one) for one in [*periods, facts.since_release]] if periods else [],
        "area_chart": _areas(facts, periods),
        "ratio_chart": _ratios(periods),
        "outcome_notes": list(outcome_notes(facts)),
        "no_outcomes": no_outcomes(facts),
        "drop_outcomes": f"clinrisk drop FILE --as {name}/outcomes --wait",
        "calibration_chart": _calibration(facts),
        "threshold": percent(live.threshold),
        "threshold_lines": _at_threshold(facts),
        "gaps": lines[:_GAPS],
        "more_gaps": lines[_GAPS:],
        "gap_notes": _gap_notes(facts),
        "fewest": LIMITS.bias_rows,
        "feedback": _feedback(use_case, facts),
        "drop_feedback": f"clinrisk drop FILE --as {name}/feedback --wait",
        "drift": list(_drift(use_case, facts)),
        "drift_batches": len(facts.changes),
        "no_batches": "This version has scored no batch yet. Drift and groups appear with the first one.",
        "drop_batch": f"clinrisk drop FILE --as {name}/inference --wait",
        "checks": [check.value for check in Check],
        "batches": _batches(facts),
        "details": [
            {**one.model_dump(), "batch": _short(one.batch), "detail": one.detail} for one in facts.findings
        ],
        "releases": [_release(one) for one in facts.releases],
        "release_chart": _release_chart(facts),
    }
    return _templates().get_template("model-page.html.j2").render(page=shown, sections=SECTIONS)


def _facts(facts: PageFacts) -> list[tuple[str, str]]:
    live, scored = facts.live, facts.scored
    known = facts.since_release
    found = [
        ("version", str(live.live_version)),
        ("live since", day(live.promoted_at)),
        ("risks in recent batches", f"{scored.everyone.n:,}" if scored else "0"),
        ("patients without a risk", f"{scored.everyone.not_scored:,}" if scored else "0"),
        ("outcomes known", f"{known.rows:,}" if known.rows else "none yet"),
    ]
    if known.area:
        found.append(("AUC on known outcomes", f"{known.area.value:.2f}"))
    if known.ratio:
        found.append(("observed : expected", f"{known.ratio.value:.2f}"))
    return found


def _signed(use_case: UseCase, facts: PageFacts) -> list[str]:
    """Return whose decision it rests on, in a sentence each."""
    decision, rollback = facts.live.decision, facts.live.rollback
    sentences = []
    if rollback:
        sentences.append(
            f"Live again in place of version {facts.live.previous_version}: version {rollback.restores}, by "
            f"{rollback.person}. {rollback.reason}"
        )
    approved = [
        f"Approved by {one.name} ({one.role}) on {day(one.decided_at)}: {one.reason}"
        for one in (decision.deciders if decision else ())
    ]
    run = "Training run" if use_case.external is None else "Reference"
    return [*sentences, *approved, f"{run} {facts.live.run_id}."]


def _estimate(one: Estimate | None) -> list[float] | None:
    return one.as_list() if one else None


def _period(one: OutcomeFigures) -> TableLine:
    if one.selective:
        why = "not evaluated: outcomes of some kinds of patients only"
        return TableLine(one.title, (f"{one.rows:,}", f"{one.share_known:.0%}", "", why, "", "", ""))
    return TableLine(
        one.title,
        (
            f"{one.rows:,}",
            f"{one.share_known:.0%}",
            f"{one.cases:,}, {one.expected:.1f}",
            number(_estimate(one.area), 2),
            number(_estimate(one.ratio), 2),
            share(_estimate(one.recall)),
            share(_estimate(one.precision)),
        ),
    )


def _areas(facts: PageFacts, periods: list[OutcomeFigures]) -> Markup | None:
    points = [(one.title, one.area) for one in periods if one.area]
    approved = facts.approved["auc"]
    if not points or not isinstance(approved, list):
        return None
    value, low, high = approved
    text = f"AUC of {len(points)} months; approved {number(approved)}"
    return svg_charts.over_time(points, band=(low, high), line=value, description=text)


def _ratios(periods: list[OutcomeFigures]) -> Markup | None:
    points = [(one.title, one.ratio) for one in periods if one.ratio]
    if not points:
        return None
    limit = LIMITS.performance_ratio
    text = f"Observed cases per expected one of {len(points)} months; limits {1 / limit:.2f} and {limit:.2f}"
    return svg_charts.over_time(points, band=(1 / limit, limit), line=1.0, description=text)


def _calibration(facts: PageFacts) -> Markup | None:
    labelled = facts.labelled
    if labelled is None or facts.since_release.selective:
        return None
    points = [(risk, one) for risk, one, _ in calibration_points(labelled.everyone)]
    curves = (facts.evaluation.get("curves") or {}).get("calibration", {}).get("points", [])
    approved = [(point["risk"], point["observed"][0]) for point in curves]
    text = "; ".join(f"risk {risk:.0%}: observed {one.value:.0%}" for risk, one in points)
    return svg_charts.calibration(points, approved, text) if points else None


def _at_threshold(facts: PageFacts) -> list[TableLine]:
    everyone = facts.scored.everyone if facts.scored else None
    flagged = (
        f"{everyone.flagged / everyone.n:.0%} of {everyone.n:,}"
        if everyone and everyone.n
        else "no batch yet"
    )
    known, approved = facts.since_release, facts.approved
    return [
        TableLine("Share flagged", (flagged, share(approved.get("selection_rate")))),
        TableLine("Cases found", (share(_estimate(known.recall)), share(approved.get("recall")))),
        TableLine("Flags right", (share(_estimate(known.precision)), share(approved.get("precision")))),
        TableLine(
            "Observed : expected",
            (number(_estimate(known.ratio), 2), number(approved.get("observed_to_expected"), 2)),
        ),
        TableLine("AUC", (number(_estimate(known.area), 2), number(approved.get("auc"), 2))),
    ]


def _gap_notes(facts: PageFacts) -> list[str]:
    if facts.since_release.selective:
        return [
            "Cases found, false alarms and calibration by group wait: outcomes are known of some kinds only."
        ]
    if not facts.since_release.rows:
        return [
            "Cases found, false alarms, right flags and calibration by group appear once outcomes are known."
        ]
    return []


def _feedback(use_case: UseCase, facts: PageFacts) -> dict[str, Any] | None:
    """Return what the section on feedback shows; None where no response to this version has arrived."""
    feedback, months = facts.feedback, facts.feedback_months
    if feedback is None or not feedback.everyone.everyone.known:
        return None
    return {
        "lines": list(feedback_lines(use_case, feedback, months, MONTHS)),
        "chart": override_chart(feedback, months),
        "notes": list(feedback_notes(feedback)),
    }


def _drift(use_case: UseCase, facts: PageFacts) -> Iterator[tuple[str, str, Markup]]:
    """Yield title, state in words, and picture of each watched subject."""
    for one in history_of(use_case, facts.changes):
        pairs = [(batch.found, batch.proven) if batch else None for batch in one.batches]
        alerts = sum(batch.proven > 1 for batch in one.batches if batch)
        note = f"{alerts} of {len(pairs)} out" if alerts else "within"
        text = f"{one.title}: surest change {one.worst:.1f} of the smallest that matters"
        yield one.title, note, svg_charts.small_history(pairs, text)


def _batches(facts: PageFacts) -> list[dict[str, Any]]:
    verdicts = {(one.batch, one.check): one.verdict for one in facts.findings}
    names = [batch.key for batch in facts.batches]
    rows = {batch.key: f"{batch.rows:,}" for batch in facts.batches}
    added_up = [one.batch for one in facts.findings if one.batch not in rows]
    return [
        {
            "name": _short(name),
            "rows": rows.get(name, ""),
            "verdicts": [verdicts.get((name, check.value), "") for check in Check],
        }
        for name in dict.fromkeys([*names, *added_up])
        if facts.batches
    ]


def _short(key: str) -> str:
    """Return a batch's file as people know it, without the prefix that all have."""
    return printable(key.rpartition("/inference/")[2])


def _release(one: PastRelease) -> TableLine:
    again = f" (version {one.restores} again)" if one.restores else ""
    return TableLine(
        f"{one.live_version}{again}",
        (
            day(one.promoted_at),
            one.run_id,
            number(one.approved.get("auc"), 2),
            number(one.approved.get("observed_to_expected"), 2),
        ),
    )


def _release_chart(facts: PageFacts) -> Markup | None:
    found = [
        (f"v{one.live_version}", Estimate(*one.approved["auc"]))
        for one in reversed(facts.releases)
        if isinstance(one.approved.get("auc"), list)
    ]
    if len(found) < 2:
        return None
    _, last = found[-1]
    text = "; ".join(f"{title}: {one.value:.3f}" for title, one in found)
    return svg_charts.over_time(found, band=(last.low, last.high), description=f"AUC as approved: {text}")


def _moment(text: str) -> str:
    """Return a moment to the minute, as people write it."""
    return f"{day(text)}, {text[11:16]} UTC"


@cache
def _templates() -> Environment:
    own = PackageLoader("clinrisk.core.monitoring.page", "templates")
    # The style is that of the approval page: one house, light and dark.
    environment = Environment(
        loader=ChoiceLoader([own, PackageLoader("clinrisk.core.release.page", "templates")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"day": day, "moment": _moment, "words": _WORDS.__getitem__}
    return environment
