"""The columns of a use case's files with their units and codes, as JSON and as the rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.use_cases import feedback_codes
from clinrisk.use_cases.approval_policy import policy_of
from clinrisk.use_cases.columns import MISSING_MARKERS, Number
from clinrisk.use_cases.external_model import MODEL_VERSION, PREDICTED_AT, RISK

if TYPE_CHECKING:
    from clinrisk.use_cases.base import UseCase
    from clinrisk.use_cases.columns import Column


def as_json(use_case: UseCase) -> dict[str, Any]:
    """Return the contract of a use case for programs."""
    return {
        "title": use_case.title,
        "description": use_case.description,
        "header": list(use_case.header),
        "id_column": use_case.id_column,
        "optional_id_column": use_case.optional_id_column,
        "label": {"column": use_case.label.column, "classes": dict(use_case.label.classes)},
        "columns": [_column_json(column) for column in use_case.columns],
        "protected": {one.name: [group.name for group in one.groups] for one in use_case.protected},
        "purposes": list(use_case.purposes),
        "recall_at_threshold": use_case.action.recall,
        "bands": {band.name: band.lowest_risk for band in use_case.bands},
        "shifts": {name: shift.title for name, shift in use_case.marginals.shifts.items()},
        "max_quarantine_share": use_case.max_quarantine_share,
        "min_training_rows": use_case.min_training_rows,
        "approvers_needed": policy_of(use_case.name).quorum,
        "feedback": {column.name: dict(column.values) for column in feedback_codes.CODES},
    }


def _column_json(column: Column) -> dict[str, Any]:
    common = {"name": column.name, "title": column.title, "essential": column.essential}
    common |= {"missing": [*MISSING_MARKERS, *column.missing], "least_filled": column.least_filled}
    if isinstance(column, Number):
        return common | {"low": column.low, "high": column.high, "unit": column.unit}
    return common | {"codes": dict(column.values)}


def column_rows(use_case: UseCase) -> list[tuple[str, str, str, str, str]]:
    """Return a row per column of the file: name, meaning, what is accepted, unit, how missing is written."""
    rows = [_column_row(column) for column in use_case.columns]
    ids, missing = use_case.id_column, "never missing"
    if ids is None:
        ids, missing = use_case.optional_id_column, "the column may be absent"
    if ids:
        rows.insert(0, (ids, "the hospital's own patient id", "any, once per file", "", missing))
    rows.extend((name, "not used", "anything", "", "") for name in use_case.unused)
    classes = ", ".join(
        f"{code} = {'yes' if value else 'no'}" for code, value in use_case.label.classes.items()
    )
    if use_case.external is not None:
        rows.append(_column_row(RISK))
        rows.append((PREDICTED_AT, "the day of the prediction", "2026-11-23", "", "never missing"))
        rows.append((MODEL_VERSION, "the vendor's version", "a version", "", "the column may be absent"))
        return rows
    rows.append((use_case.label.column, use_case.label.title, classes, "", "may be absent for inference"))
    return rows


def feedback_rows() -> list[tuple[str, str, str]]:
    """Return a row per column of a feedback file: name, meaning, what is accepted."""
    codes = [
        (column.name, column.title, ", ".join(f"{code} = {text}" for code, text in column.values.items()))
        for column in feedback_codes.CODES
    ]
    patient = ("id", "whom the prediction is about", "as in the results")
    return [patient, *codes, ("date", "the day of the response", "2026-11-23")]


def _column_row(column: Column) -> tuple[str, str, str, str, str]:
    needed = "never missing in training" if column.essential else "empty"
    missing = ", ".join([needed, *(f"{number:g}" for number in column.missing)])
    if isinstance(column, Number):
        return (column.name, column.title, f"{column.low:g} to {column.high:g}", column.unit, missing)
    codes = ", ".join(
        code if code == meaning else f"{code} = {meaning}" for code, meaning in column.values.items()
    )
    return (column.name, column.title, codes, "", missing)
