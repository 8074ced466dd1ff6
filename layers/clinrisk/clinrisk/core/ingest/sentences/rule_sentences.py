"""The sentence for each rule: what is wrong with a file or its rows, and what to do; never a value.

Standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.core.ingest.sentences.file_sentences import FILE_SENTENCES
from clinrisk.core.ingest.sentences.row_sentences import ROW_SENTENCES
from clinrisk.use_cases import feedback_codes
from clinrisk.use_cases.columns import Code, Number

if TYPE_CHECKING:
    from clinrisk.core.ingest.rules import Problem
    from clinrisk.core.ingest.verdict import FileVerdict
    from clinrisk.use_cases.base import UseCase

_ROWS_SHOWN = 5
UNENDED = (
    "The last line has no line end: was the export cut off? Compare the last row with the source, and send "
    "the file again if they differ."
)


def problem_sentence(problem: Problem, use_case: UseCase | None = None) -> str:
    """Return why a file is rejected and what to do.

    >>> from clinrisk.core.ingest.rules import FileRule, Problem
    >>> problem_sentence(Problem(FileRule.COLUMNS_REPEATED, ("age", "sex")))
    'The header has age, sex more than once. Keep one of each.'
    """
    columns, detail = ", ".join(problem.columns), problem.detail
    unit = ""
    if use_case and "{unit}" in FILE_SENTENCES[problem.rule] and problem.columns:
        column = use_case.column(problem.columns[0])
        unit = f" ({column.unit})" if isinstance(column, Number) else ""
    return FILE_SENTENCES[problem.rule].format(columns=columns, detail=detail, unit=unit)


def reason_sentence(
    reason: str, count: int, rows: tuple[int, ...] = (), use_case: UseCase | None = None
) -> str:
    """Return why some rows are quarantined, which ones, and what to do.

    >>> reason_sentence("short_row", 1, (4,))
    'Row 4: 1 row has too few cells. Look for a line break or a missing comma.'
    """
    name, _, column = reason.partition(":")
    sentence = ROW_SENTENCES[name].format(
        n=f"{count:,} row{'s have' if count != 1 else ' has'}",
        in_column=f" in {column}" if column else "",
        range=_range(column, use_case),
        codes=_codes(column, use_case),
    )
    return f"{_first_rows(rows, count)}{sentence}"


def explain(verdict: FileVerdict, use_case: UseCase | None = None) -> list[str]:
    """Return the sentences of a receipt: the problems of the file, each reason of its rows, and remarks."""
    found = details(verdict, use_case)
    problems = len(verdict.problems)
    rows = [_first_rows(tuple(one["rows"]), one["count"]) + one["say"] for one in found[problems:]]
    return [*(str(one["say"]) for one in found[:problems]), *rows, *remarks(verdict, use_case)]


def remarks(verdict: FileVerdict, use_case: UseCase | None = None) -> list[str]:
    """Return what is to be known about a file besides its problems: rows without a risk, an end cut off."""
    found = []
    if verdict.rows_not_scorable and use_case:
        count, names = verdict.rows_not_scorable, ", ".join(use_case.essential)
        rows = f"{count:,} row{'s lack' if count != 1 else ' lacks'}"
        found.append(
            f'{rows} a value without which no risk is stated ({names}): the results say "not scored".'
        )
    return [*found, UNENDED] if verdict.unended else found


def details(verdict: FileVerdict, use_case: UseCase | None = None) -> list[dict[str, Any]]:
    """Return, per problem and reason: its rule, how many rows, the numbers of the first, what to do.

    A problem of the file that counts no rows has the count 0.
    """
    sentences = [(problem.reason, problem_sentence(problem, use_case)) for problem in verdict.problems]
    sentences += [
        (reason, reason_sentence(reason, count, (), use_case))
        for reason, count in verdict.reasons.items()
        if reason.partition(":")[0] in ROW_SENTENCES
    ]
    return [
        {
            "rule": rule,
            "count": verdict.reasons.get(rule, 0) if verdict.rows_quarantined else 0,
            "rows": list(verdict.first_rows.get(rule, ())),
            "say": sentence,
        }
        for rule, sentence in sentences
    ]


def _first_rows(rows: tuple[int, ...], count: int) -> str:
    """Return the first row numbers (the header is row 1) as the start of a sentence."""
    if not rows:
        return ""
    shown = ", ".join(str(row) for row in rows[:_ROWS_SHOWN])
    return f"Row{'s' if len(rows) > 1 else ''} {shown}{' ...' if count > len(rows[:_ROWS_SHOWN]) else ''}: "


def _range(name: str, use_case: UseCase | None) -> str:
    """Return the accepted range of a column of numbers, with its unit."""
    column = _column(name, use_case)
    if not isinstance(column, Number):
        return "the accepted range"
    return f"{column.low:g} to {column.high:g} {column.unit}"


def _codes(name: str, use_case: UseCase | None) -> str:
    """Return the accepted codes of a column, or those of the label."""
    if use_case and name in {use_case.label.column, "label"}:
        return ", ".join(use_case.label.classes)
    column = _column(name, use_case)
    return ", ".join(column.values) if isinstance(column, Code) else "the codes of the use case"


def _column(name: str, use_case: UseCase | None) -> Number | Code | None:
    """Return the declared column of that name, if there is one."""
    declared = (*use_case.file_columns, *feedback_codes.CODES) if use_case else ()
    return next((column for column in declared if column.name == name), None)
