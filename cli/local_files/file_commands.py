"""`use-cases`, `convert`, `cohort` and `check`: files before they are dropped into the inbox."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.command_errors import CliError
from cli.options import (
    AsJson,
    ExistingFile,
    UseCaseAndPurpose,
    UseCaseName,
    known_use_case,
    use_case_and_purpose,
)
from cli.screen import console, show_details, show_json, show_missing, show_table, verdict, working

OutFile = Annotated[Path, typer.Option("--out", "--to", dir_okay=False, help="The file to write.")]


def convert(file: ExistingFile, out: OutFile, *, as_json: AsJson = False) -> None:
    """Convert your own download of a public file into the form that the inbox takes.

    For example:

        clinrisk convert processed.cleveland.data --to heart.csv

        clinrisk convert healthcare-dataset-stroke-data.csv --to stroke.csv

    Known by their sha256: processed.cleveland.data and processed.hungarian.data (UCI heart disease), and
    healthcare-dataset-stroke-data.csv (Kaggle, fedesoriano). Altered copies are refused with the reason.
    """
    from cli.local_files import public_originals

    converted = public_originals.convert(file.read_bytes())
    out.write_text(converted.text, encoding="utf-8", newline="\n")
    original = converted.original
    document = {
        "file": str(out),
        "original": original.file_name,
        "use_case": original.use_case,
        "rows": original.rows,
        "same_bytes": converted.same_bytes,
        "terms": original.terms,
    }
    if as_json:
        show_json(document)
        return
    screen = console()
    screen.print(f"{original.file_name}: {original.rows:,} patients written to {out}; no value was changed.")
    if not converted.same_bytes:
        screen.print("Your file differs from the original in its line ends only.")
    screen.print(f"Terms: {original.terms}.", style="dim")
    screen.print(f"Next: clinrisk check {out} --as {original.use_case}/training")


def cohort(
    use_case: UseCaseName,
    out: OutFile,
    *,
    rows: Annotated[int, typer.Option(min=1, max=10_000_000, help="How many patients.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same file.")] = 1,
    purpose: Annotated[
        str, typer.Option(help="training (with outcomes) or inference (without).")
    ] = "training",
    shift: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Draw from another named population, to see a drift alert."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write synthetic patients in the public file's columns, with published prevalence. They are nobody.

    For example:

        clinrisk cohort heart --rows 600 --seed 7 --out heart.csv

        clinrisk cohort heart --rows 200 --purpose inference --shift district_hospital --out later.csv
    """
    from cli.local_files import synthetic_cohort
    from clinrisk import use_cases as declared

    known_use_case(use_case)
    if purpose not in {"training", "inference"}:
        raise typer.BadParameter("the purpose is training or inference")
    shifts = declared.get(use_case).marginals.shifts
    if shift is not None and shift not in shifts:
        raise typer.BadParameter(
            f"there is no shift {shift!r} for {use_case}; there are: {', '.join(shifts)}"
        )
    with working(f"Drawing {rows:,} patients ...", quiet=as_json or rows < 100_000):
        out.write_bytes(synthetic_cohort.draw(use_case, rows=rows, seed=seed, purpose=purpose, shift=shift))
    document = {
        "file": str(out),
        "use_case": use_case,
        "rows": rows,
        "seed": seed,
        "purpose": purpose,
        "shift": shift,
    }
    if as_json:
        show_json(document)
    else:
        console().print(f"{rows:,} synthetic patients written to {out}.")
        console().print(f"Next: clinrisk drop {out} --as {use_case}/{purpose}")


def check(file: ExistingFile, as_: UseCaseAndPurpose, *, as_json: AsJson = False) -> None:
    """Show what the receipt of a file would say, without uploading it (exit code 1: it would be REJECTED).

    For example:

        clinrisk check march.csv --as heart/training

        clinrisk check ward-7.csv --as stroke/inference --json
    """
    from cli.local_files.upload_preview import preview

    use_case, purpose = use_case_and_purpose(as_)
    with working(f"Reading {file.name} ...", quiet=as_json):
        previewed = preview(file.read_bytes(), use_case, purpose, file.name)
        found = previewed.verdict
    if as_json:
        show_json({"file": str(file), **previewed.as_json()})
    else:
        screen = console()
        screen.print(
            verdict(found.disposition),
            f"{found.rows_accepted:,} rows would be used, {found.rows_quarantined:,} quarantined.",
        )
        show_details(previewed.details)
        show_missing(found.missing)
    if found.disposition == "REJECTED":
        if as_json:
            raise typer.Exit(1)
        raise CliError(
            "This file would be REJECTED.",
            f"Correct what is listed above, then check again: clinrisk check {file} --as {as_}",
        )


def use_cases(*, as_json: AsJson = False) -> None:
    """List the use cases with the columns, units and codes that their files need.

    For example:

        clinrisk use-cases

        clinrisk use-cases --json
    """
    from cli.local_files.column_list import as_json as described
    from cli.local_files.column_list import column_rows
    from clinrisk import use_cases as declared
    from clinrisk.use_cases.base import MISSING_MARKERS

    if as_json:
        show_json({name: described(declared.get(name)) for name in declared.names()})
        return
    for name in declared.names():
        use_case = declared.get(name)
        console().print(f"[bold]{name}[/]: {use_case.title}. {use_case.description}")
        show_table(
            "", ("column", "meaning", "accepted", "unit", "missing written as"), column_rows(use_case), ""
        )
    markers = "  ".join(marker for marker in MISSING_MARKERS if marker)
    console().print(
        f'Besides an empty cell, these mean "not measured" in every column: {markers}', markup=False
    )
