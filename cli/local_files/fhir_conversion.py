"""`convert --fhir`: what was made of a folder of FHIR resources, and what was not."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import typer

from cli.command_errors import CliError
from cli.local_files.fhir_folder import RULES, Folder
from cli.screen import console, show_json, show_table, working
from clinrisk import use_cases

if TYPE_CHECKING:
    from pathlib import Path


def convert_folder(
    folder: Path,
    out: Path,
    name: str,
    *,
    day: str,
    id_system: str,
    complete_conditions: bool,
    as_json: bool,
) -> None:
    """Write the file for inference, and show counts; no value is shown."""
    use_case = use_cases.get(name)
    if not use_case.fhir:
        raise CliError(
            f"No column of {name} has a source in FHIR.",
            "State it in the use case (docs/data-formats.md), or send a CSV or Parquet file.",
        )
    try:
        on = dt.date.fromisoformat(day) if day else dt.datetime.now(dt.UTC).date()
    except ValueError as error:
        raise typer.BadParameter("write the day as YYYY-MM-DD") from error
    read = Folder(use_case, on, id_system)
    files = sorted(file for ending in ("*.ndjson", "*.jsonl", "*.json") for file in folder.rglob(ending))
    with working(f"Reading {len(files):,} files ...", quiet=as_json):
        read.read(files)
        text, rows = read.as_csv(complete_conditions=complete_conditions)
    if not rows:
        raise CliError(
            f"No patient could be taken from the {len(files):,} files of {folder}.",
            "It needs Patient resources as NDJSON or bundles, with an id and a birth date that is past.",
        )
    out.write_text(text, encoding="utf-8", newline="\n")
    left_out = [
        {"resource": kind, "rule": rule, "count": count, "meaning": RULES[rule]}
        for (kind, rule), count in sorted(read.left_out.items())
        if count
    ]
    empty = [column.name for column in use_case.columns if column.name not in use_case.fhir]
    if as_json:
        show_json(
            {
                "file": str(out),
                "use_case": name,
                "rows": rows,
                "resources": dict(read.resources),
                "left_out": left_out,
                "without_source": empty,
            }
        )
        return
    console().print(f"{rows:,} patients written to {out}, as of {on}.")
    counted = [
        (str(one["resource"]), str(one["rule"]), f"{one['count']:,}", str(one["meaning"])) for one in left_out
    ]
    if counted:
        show_table("What was not used", ("resource", "rule", "count", "what it means"), counted, "")
    if empty:
        console().print(f"Empty, since FHIR has no agreed source for them: {', '.join(empty)}.")
    console().print(f"Next: clinrisk check {out} --as {name}/inference")
