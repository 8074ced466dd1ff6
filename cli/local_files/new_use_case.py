"""`new-use-case`: writes the files of a use case from a file of patients, with questions for people."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.command_errors import CliError
from cli.screen import console

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cli.local_files.use_case_draft import CodeDraft, NumberDraft, UseCaseDraft

TEMPLATES = Path(__file__).parent / "templates"
EVENTS_PER_INPUT = 10
"""Patients with the condition whom a model should have for each of its inputs (Peduzzi et al., 1996)."""


def new_use_case(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the use case: lower case, as in diabetes.")],
    *,
    file: Annotated[
        Path,
        typer.Option(
            "--from", exists=True, dir_okay=False, readable=True, help="Patients with their outcome, as CSV."
        ),
    ],
    label: Annotated[str, typer.Option(metavar="COLUMN", help="The column of the outcome.")],
    positive: Annotated[
        str | None, typer.Option(metavar="VALUE", help="Which of its values is the condition; else 1 or yes.")
    ] = None,
    id_column: Annotated[
        str | None, typer.Option("--id", metavar="COLUMN", help="The column of your own patient ids, if any.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="What people call it; else the name, and risk.")] = None,
    into: Annotated[Path, typer.Option(file_okay=False, exists=True, help="The project's folder.")] = Path(),
) -> None:
    """Propose a use case from a file: columns, ranges, codes, groups, and a promotion bar.

    For example:

        clinrisk new-use-case diabetes --from patients.csv --label diabetes --id id

    It writes counts and percentiles, rounded, never a patient's row. What only a person knows stands in the
    file as a line that begins with ASK. What to do then: docs/add-a-use-case.md
    """
    from cli.local_files import use_case_draft

    if not re.fullmatch(r"[a-z][a-z0-9_]{1,19}", name):
        raise typer.BadParameter("a name has 2 to 20 lower-case letters, digits and _", param_hint="NAME")
    package = into / "layers/clinrisk/clinrisk/use_cases"
    if not package.is_dir():
        raise CliError(
            f"{into.resolve()} is not the project's folder.", "Go there first, or name it with --into."
        )
    written = {"module": package / f"{name}.py", "bar": package / "bars" / f"{name}.toml"}
    for path in written.values():
        if path.exists():
            raise CliError(f"{path} is there already.", "Choose another name, or remove it first.")
    try:
        draft = use_case_draft.propose(file, label, positive, id_column)
    except use_case_draft.CannotPropose as lacking:
        raise CliError(str(lacking), "How a use case is made: docs/add-a-use-case.md") from lacking
    texts = rendered(draft, name, title or f"{name.replace('_', ' ').capitalize()} risk")
    for kind, path in written.items():
        path.write_text(texts[kind], encoding="utf-8")
    pages = into / "docs/decisions"
    number = 1 + max(int(page.name[:4]) for page in pages.glob("[0-9]*.md"))
    page = pages / f"{number:04}-the-bar-of-{name.replace('_', '-')}.md"
    page.write_text(_decision(number, name, texts["bar"]), encoding="utf-8")
    screen = console()
    screen.print(
        f"{draft.rows:,} patients, {draft.prevalence:.0%} with the condition: {len(draft.numbers)} numbers, "
        f"{len(draft.codes)} columns of codes, {len(draft.unused)} not used."
    )
    for path in (*written.values(), page):
        screen.print(f"  {path}", soft_wrap=True)
    asked = texts["module"].count("ASK") + texts["bar"].count("ASK") - 1
    screen.print(f"Answer the {asked} questions (ASK) in them. Then: make template")


def rendered(draft: UseCaseDraft, name: str, title: str) -> dict[str, str]:
    """Return the text of the module and of the promotion bar."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # What is rendered is Python and TOML, in which every text is quoted by a filter.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.filters |= {
        "q": _quoted,
        "words": lambda text: re.sub(r"[_-]+", " ", text).lower(),
        "numbers": lambda values: "(" + ", ".join(f"{one:g}" for one in values) + ")",
        "strings": lambda values: "(" + ", ".join(map(_quoted, values)) + ",)",
        "pairs": _pairs,
        "spread": _spread,
        "mix": _mix,
        "groups": _groups,
    }
    inputs = len(draft.numbers) + sum(max(1, len(one.shares) - (len(one.shares) == 2)) for one in draft.codes)
    events = max(60, EVENTS_PER_INPUT * inputs)
    found: Mapping[str, Any] = {
        "draft": draft,
        "name": name,
        "title": title,
        "rows": f"{float(f'{draft.rows:.2g}'):,.0f}",
        "columns": _columns(draft),
        "limits": draft.age_limits,
        "bands": (_band(draft.prevalence), _band(min(0.9, 2.5 * draft.prevalence))),
        "min_events": events,
        "min_rows": int(float(f"{events / draft.prevalence:.2g}")),
        "uninformed": round(draft.prevalence * (1 - draft.prevalence), 3),
    }
    files = {"module": "use_case.py.j2", "bar": "bar.toml.j2"}
    return {kind: environment.get_template(file).render(found) for kind, file in files.items()}


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _pairs(shares: Mapping[str, float]) -> str:
    return "{" + ", ".join(f"{_quoted(text)}: {share:g}" for text, share in shares.items()) + "}"


def _options(given: Iterable[tuple[str, object]]) -> str:
    return "".join(f", {name}={value}" for name, value in given if value)


def _spread(one: NumberDraft) -> str:
    return _options((("decimals", one.decimals), ("missing", one.missing), ("risk", one.risk)))


def _mix(one: CodeDraft) -> str:
    return _options((("risk", _pairs(one.risk) if one.risk else ""), ("missing", one.missing)))


def _groups(sex: CodeDraft) -> str:
    groups = (
        f"Group({_quoted(_identifier(code))}, {_quoted(code.lower())}, ({_quoted(code)},))"
        for code in sex.shares
    )
    return ", ".join(groups)


def _identifier(code: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", code.lower()).strip("_") or "other"


def _columns(draft: UseCaseDraft) -> list[str]:
    numbers = {one.name: _number(one) for one in draft.numbers}
    codes = {one.name: _code(one) for one in draft.codes}
    return [(numbers | codes)[name] for name in draft.order]


def _number(one: NumberDraft) -> str:
    age = one.name == "age"
    more = _options(
        (
            ("essential", "True" if age else ""),
            ("integer", "True" if one.counted else ""),
            ("commonest", one.commonest if one.commonest != 0.3 else ""),
            ("least_filled", _filled(one.missing)),
        )
    )
    unit, high = ("years", 120.0) if age else ("", one.high)
    return f"Number({_quoted(one.name)}, {_title(one.name)}, {one.low:g}, {high:g}, {_quoted(unit)}{more})"


def _code(one: CodeDraft) -> str:
    meanings = ", ".join(f"{_quoted(code)}: {_quoted(code.lower())}" for code in one.shares)
    more = _options((("commonest", one.commonest), ("least_filled", _filled(one.missing))))
    return f"Code({_quoted(one.name)}, {_title(one.name)}, {{{meanings}}}{more})"


def _title(name: str) -> str:
    return _quoted(re.sub(r"[_-]+", " ", name).lower())


def _filled(missing: float) -> object:
    """Return the least share of rows that have a value, where more are empty than the default allows."""
    return round(0.9 * (1 - missing), 2) if missing > 0.2 else ""


def _band(risk: float) -> float:
    return float(f"{risk:.1g}")


def _decision(number: int, name: str, bar: str) -> str:
    digest = hashlib.sha256(bar.encode()).hexdigest()
    return (
        f"# {number:04} The promotion bar of {name}\n"
        "`clinrisk new-use-case` proposed it; nobody has judged it yet. Who changes a limit states the "
        "reason here and the new digest "
        f"(`sha256sum layers/clinrisk/clinrisk/use_cases/bars/{name}.toml`).\n\n"
        f"| file | sha256 |\n| --- | --- |\n| `{name}.toml` | `{digest}` |\n"
    )
