"""`use-cases`, `convert`, `cohort`, `check`, `mend`, `quarantine`: files before they are dropped."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from cli.command_errors import CliError
from cli.options import (
    AsJson,
    ExistingFile,
    ExistingFiles,
    OnTwin,
    StackName,
    UseCaseAndPurpose,
    UseCaseName,
    known_use_case,
    use_case_and_purpose,
)
from cli.screen import console, show_details, show_json, show_missing, show_table, verdict, working

if TYPE_CHECKING:
    from cli.local_files.upload_preview import Preview

OutFile = Annotated[Path, typer.Option("--out", "--to", dir_okay=False, help="The file to write.")]


def convert(
    out: OutFile,
    file: Annotated[
        Path | None,
        typer.Argument(
            exists=True, dir_okay=False, metavar="FILE", help="Your own download of a public file."
        ),
    ] = None,
    *,
    fhir: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, metavar="DIR", help="A folder of FHIR R4: NDJSON or JSON."
        ),
    ] = None,
    use_case: Annotated[str, typer.Option("--use-case", help="With --fhir: whose columns are wanted.")] = "",
    on: Annotated[
        str,
        typer.Option(metavar="YYYY-MM-DD", help="With --fhir: the day of ages and newest values (today)."),
    ] = "",
    id_system: Annotated[
        str, typer.Option(metavar="URI", help="With --fhir: the system of the identifier; else Patient.id.")
    ] = "",
    complete_conditions: Annotated[
        bool,
        typer.Option(
            "--complete-conditions", help="With --fhir: who has no such condition does not have it."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Convert a public file, or a folder of FHIR resources, into the form that the inbox takes.

    For example:

        clinrisk convert processed.cleveland.data --to heart.csv

        clinrisk convert healthcare-dataset-stroke-data.csv --to stroke.csv

        clinrisk convert --fhir export/ --use-case stroke --complete-conditions --out ward-7.csv

    From FHIR (Patient, Observation, Condition) it makes a file for inference. Codes and units are those of
    docs/data-formats.md; what is not mapped leaves its cell empty, and is counted by type and rule.

    Public files are known by their sha256: processed.cleveland.data and processed.hungarian.data (UCI heart
    disease), healthcare-dataset-stroke-data.csv (Kaggle, fedesoriano). Altered copies are refused with the
    reason.
    """
    from cli.local_files import public_originals

    if fhir is not None:
        from cli.local_files.fhir_conversion import convert_folder

        known_use_case(use_case)
        convert_folder(
            fhir,
            out,
            use_case,
            day=on,
            id_system=id_system,
            complete_conditions=complete_conditions,
            as_json=as_json,
        )
        return
    if file is None:
        raise typer.BadParameter("name a FILE, or a folder with --fhir DIR --use-case NAME")
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
        str,
        typer.Option(
            help="training (with outcomes) or inference (without); where the model is not ours, predictions "
            "or their outcomes."
        ),
    ] = "training",
    shift: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Draw from another named population, to see a drift alert."),
    ] = None,
    on: Annotated[
        str, typer.Option(metavar="YYYY-MM-DD", help="The day of predictions that are not ours.")
    ] = "2026-01-15",
    as_json: AsJson = False,
) -> None:
    """Write synthetic patients in the public file's columns, with published prevalence. They are nobody.

    For example:

        clinrisk cohort heart --rows 600 --seed 7 --out heart.csv

        clinrisk cohort heart --rows 200 --purpose inference --shift district_hospital --out later.csv

        clinrisk cohort readmission --rows 900 --purpose predictions --on 2026-03-01 --out march.csv
    """
    from cli.local_files import synthetic_cohort
    from clinrisk import use_cases as declared

    known_use_case(use_case)
    drawn = ("training", "inference")
    if declared.get(use_case).external is not None:
        drawn = ("predictions", "outcomes")
    if purpose not in drawn:
        raise typer.BadParameter(f"the purpose is {' or '.join(drawn)}")
    try:
        day = dt.date.fromisoformat(on)
    except ValueError as error:
        raise typer.BadParameter("write the day as YYYY-MM-DD") from error
    shifts = declared.get(use_case).marginals.shifts
    if shift is not None and shift not in shifts:
        raise typer.BadParameter(
            f"there is no shift {shift!r} for {use_case}; there are: {', '.join(shifts)}"
        )
    with working(f"Drawing {rows:,} patients ...", quiet=as_json or rows < 100_000):
        drawn_file = synthetic_cohort.draw(
            use_case, rows=rows, seed=seed, purpose=purpose, shift=shift, on=day
        )
        out.write_bytes(drawn_file)
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


def check(
    files: ExistingFiles,
    as_: UseCaseAndPurpose,
    *,
    mark: Annotated[
        bool,
        typer.Option("--mark", help="Write the bad rows of each file to FILE.marked.csv, with what to do."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the receipts of files would say, without uploading them (exit code 1: REJECTED or HELD).

    For example:

        clinrisk check march.csv --as heart/training

        clinrisk check ward-*.csv --as stroke/inference --mark
    """
    from cli.local_files import marked_rows
    from cli.local_files.upload_preview import preview
    from clinrisk import use_cases as declared

    use_case, purpose = use_case_and_purpose(as_)
    found = []
    for file in files:
        with working(f"Reading {file.name} ...", quiet=as_json):
            previewed = preview(file.read_bytes(), use_case, purpose, file.name)
        found.append((file, previewed))
        if mark and previewed.verdict.rows_quarantined:
            marked = marked_rows.as_csv(previewed.rows, declared.get(use_case))
            file.with_suffix(".marked.csv").write_bytes(marked)
    documents = [{"file": str(file), **previewed.as_json()} for file, previewed in found]
    if as_json:
        show_json(documents[0] if len(documents) == 1 else documents)
    else:
        for file, previewed in found:
            show_preview(file, previewed, marked=mark)
    bad = [
        (file, one.verdict.disposition)
        for file, one in found
        if one.verdict.disposition in {"REJECTED", "HELD"}
    ]
    if bad and as_json:
        raise typer.Exit(1)
    if bad:
        file, disposition = bad[0]
        raise CliError(
            f"This file would be {disposition}."
            if len(found) == 1
            else f"{len(bad)} files would not be used.",
            f"Correct what is listed above, then check again: clinrisk check {file} --as {as_}",
        )


def show_preview(file: Path, previewed: Preview, *, marked: bool = False) -> None:
    """Print what the receipt of a file would say."""
    screen, found = console(), previewed.verdict
    screen.print(
        verdict(found.disposition),
        f"{file.name}: {found.rows_accepted:,} rows would be used, {found.rows_quarantined:,} quarantined.",
    )
    show_details(previewed.details)
    for sentence in previewed.remarks:
        screen.print(sentence)
    show_missing(found.missing)
    if marked and found.rows_quarantined:
        screen.print(f"The bad rows are in {file.with_suffix('.marked.csv')}.")


def mend(file: ExistingFile, as_: UseCaseAndPurpose, out: OutFile, *, as_json: AsJson = False) -> None:
    """Write a corrected copy of a file where the fault is one of dialect, and say what was changed.

    For example:

        clinrisk mend export.csv --as stroke/training --out mended.csv

    It changes the delimiter, decimal commas, the encoding, lines above the column names, the spelling
    of names, columns without a name, and numbers that mean "not measured". No measured value changes.
    """
    from cli.local_files import mending
    from clinrisk import use_cases as declared

    use_case, purpose = use_case_and_purpose(as_)
    try:
        mended, changes = mending.mend(file.read_bytes(), declared.get(use_case), purpose)
    except ValueError as error:
        raise CliError(
            "No line of the file has the agreed column names.", "`clinrisk use-cases` lists them."
        ) from error
    out.write_bytes(mended)
    if as_json:
        show_json({"file": str(out), "changes": changes})
        return
    screen = console()
    for change in changes or ["Nothing had to be changed."]:
        screen.print(change)
    screen.print(f"Written to {out}. Next: clinrisk check {out} --as {as_}")


def quarantine(
    source: Annotated[
        str, typer.Argument(metavar="FILE|KEY", help="A file on this machine, or an inbox key.")
    ],
    out: Annotated[Path, typer.Option("--csv", dir_okay=False, help="The file to write.")],
    as_: Annotated[
        str, typer.Option("--as", metavar="USE_CASE/PURPOSE", help="What a file on this machine is.")
    ] = "",
    *,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Write the bad rows of a file as they came, each with its row number, its rule and what to do.

    For example:

        clinrisk quarantine march.csv --as heart/training --csv bad.csv

        clinrisk quarantine heart/training/march.csv --csv bad.csv

    The second form reads what the stack has set aside of a file that was dropped.
    """
    from cli import bucket_objects, inbox_receipts
    from cli.local_files import marked_rows
    from cli.local_files.upload_preview import preview
    from cli.stack import open_stack
    from clinrisk import use_cases as declared

    if Path(source).is_file():
        name, purpose = use_case_and_purpose(as_)
        found = preview(Path(source).read_bytes(), name, purpose)
        if not found.rows and found.verdict.problems:
            raise CliError(
                f"No row of the file was read. {found.sentences[0]}",
                f"See all of it: clinrisk check {source} --as {as_}",
            )
        rows = list(found.rows)
    else:
        deployed = open_stack(stack, on_twin=twin)
        receipt = next(iter(inbox_receipts.find(deployed, source, limit=1)), None)
        if receipt is None:
            raise CliError(f"There is no receipt for {source}.", "List what there is: clinrisk receipts")
        if receipt.document["use_case"] is None:
            raise CliError(f"No row of {source} was read.", f"See why: clinrisk receipts {source}")
        name = str(receipt.document["use_case"])
        rows = bucket_objects.quarantined_rows(deployed, name, str(receipt.document["upload_id"]))
    out.write_bytes(marked_rows.as_csv(rows, declared.get(name)))
    if as_json:
        show_json({"file": str(out), "rows": len(rows)})
    else:
        console().print(f"{len(rows):,} rows written to {out}.")


def use_cases(*, as_json: AsJson = False) -> None:
    """List the use cases with the columns, units and codes that their files need.

    For example:

        clinrisk use-cases

        clinrisk use-cases --json
    """
    from cli.local_files.column_list import as_json as described
    from cli.local_files.column_list import column_rows, feedback_rows
    from clinrisk import use_cases as declared
    from clinrisk.use_cases.columns import MISSING_MARKERS

    if as_json:
        show_json({name: described(declared.get(name)) for name in declared.names()})
        return
    for name in declared.names():
        use_case = declared.get(name)
        console().print(Text.assemble((name, "bold"), f": {use_case.title}. {use_case.description}"))
        show_table(
            "", ("column", "meaning", "accepted", "unit", "missing written as"), column_rows(use_case), ""
        )
    title = "Feedback of clinicians, the same for every use case; a reason only where response is overridden"
    show_table(title, ("column", "meaning", "accepted"), feedback_rows(), "")
    markers = "  ".join(marker for marker in MISSING_MARKERS if marker)
    console().print(
        f'Besides an empty cell, these mean "not measured" in every column: {markers}', markup=False
    )
