"""One way to check a stroke file, in a process of its own: rows, CPU seconds and rejected rows as JSON.

Usage: python bench/contenders.py ours|polars|pandera|great_expectations FILE

Imports come first and are not counted, but for the cold start, which bench/ingest.py measures from outside.
"""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

CODES = {
    "gender": ["Male", "Female", "Other"],
    "hypertension": ["0", "1"],
    "heart_disease": ["0", "1"],
    "ever_married": ["Yes", "No"],
    "work_type": ["Private", "Self-employed", "Govt_job", "children", "Never_worked"],
    "Residence_type": ["Urban", "Rural"],
    "smoking_status": ["never smoked", "formerly smoked", "smokes", "Unknown"],
    "stroke": ["0", "1"],
}
RANGES = {"age": (0.0, 120.0), "avg_glucose_level": (30.0, 600.0), "bmi": (8.0, 120.0)}
CHUNK_BYTES = 24 * 1024 * 1024
NUMBER = r"[+-]?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?"
# How many rows the file has, and how many of them break a rule.
Answer = tuple[int, int]


def ours(file: Path) -> Callable[[], Answer]:
    """Ingest every chunk whole: rules with reasons, pseudonyms, features, profile and Parquet.

    Where to cut is found before and not counted: another function does it, once per file.
    """
    from clinrisk import use_cases  # noqa: PLC0415 - each contender has an environment of its own
    from clinrisk.core.ingest.chunk import read_chunk  # noqa: PLC0415
    from clinrisk.core.ingest.csv_file.cutting import cut  # noqa: PLC0415
    from clinrisk.core.ingest.csv_file.head import read_header  # noqa: PLC0415

    size, use_case = file.stat().st_size, use_cases.get("stroke")
    with file.open("rb") as stream:
        header = read_header(stream.read(4096))
        stream.seek(0)
        blocks = iter(lambda: stream.read(1 << 20), b"")
        pieces = cut(blocks, header.length, size, len(header.names), CHUNK_BYTES)

    def run() -> Answer:
        counted, quarantined = 0, 0
        with file.open("rb") as stream:
            for piece in pieces:
                stream.seek(piece.start)
                data = stream.read(piece.end - piece.start)
                chunk = read_chunk(data, use_case, "training", header.names, piece.first_row, b"k" * 32)
                for frame in (chunk.features, chunk.quarantine):
                    frame.write_parquet(io.BytesIO(), compression="uncompressed", statistics=False)
                counted, quarantined = counted + chunk.counts.rows, quarantined + chunk.counts.quarantined
        return counted, quarantined

    return run


def polars(file: Path) -> Callable[[], Answer]:
    """Read with polars and find the rows that break a rule; nothing is said of why, and nothing is kept."""
    import polars as pl  # noqa: PLC0415

    def run() -> Answer:
        frame = pl.read_csv(file, infer_schema=False)
        tests = [pl.col(name).is_in(codes) for name, codes in CODES.items()]
        for name, (low, high) in RANGES.items():
            number = pl.col(name).cast(pl.Float64, strict=False)
            tests.append(number.is_between(low, high) | pl.col(name).is_in(["N/A", "", "?"]))
        tests += [pl.col("id").str.contains("^[A-Za-z0-9]+$"), pl.col("id").is_unique()]
        good = frame.select(pl.all_horizontal(tests)).to_series()
        return frame.height, frame.height - int(good.sum())

    return run


def as_text(file: Path) -> pd.DataFrame:
    """Read cells as text and then numbers of text, as strict checks need: "nan" and "1_0" are no numbers."""
    import pandas as pd  # noqa: PLC0415

    frame = pd.read_csv(file, dtype=str, keep_default_na=False, na_values=["N/A", "?", ""])
    for name in RANGES:
        frame[name] = pd.to_numeric(frame[name], errors="coerce").where(frame[name].str.fullmatch(NUMBER))
    return frame


def pandera(file: Path) -> Callable[[], Answer]:
    """Validate with pandera on pandas, lazily, so that it lists every failure."""
    import pandera.pandas as pa  # type: ignore[import-not-found]  # noqa: PLC0415

    columns: dict[str, Any] = {name: pa.Column(str, pa.Check.isin(codes)) for name, codes in CODES.items()}
    for name, (low, high) in RANGES.items():
        columns[name] = pa.Column(float, pa.Check.in_range(low, high), nullable=True)
    columns["id"] = pa.Column(str, pa.Check.str_matches("^[A-Za-z0-9]+$"), unique=True)
    schema = pa.DataFrameSchema(columns)

    def run() -> Answer:
        frame = as_text(file)
        try:
            schema.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as error:
            return len(frame), error.failure_cases["index"].nunique()
        return len(frame), 0

    return run


def great_expectations(file: Path) -> Callable[[], Answer]:
    """Validate with great-expectations on pandas, with the positions of unexpected values."""
    import great_expectations as gx  # type: ignore[import-not-found]  # noqa: PLC0415

    context = gx.get_context(mode="ephemeral")
    suite = context.suites.add(gx.ExpectationSuite(name="stroke"))
    expect = gx.expectations
    for name, codes in CODES.items():
        suite.add_expectation(expect.ExpectColumnValuesToBeInSet(column=name, value_set=codes))
    for name, (low, high) in RANGES.items():
        between = expect.ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high)
        suite.add_expectation(between)
    suite.add_expectation(expect.ExpectColumnValuesToMatchRegex(column="id", regex="^[A-Za-z0-9]+$"))
    suite.add_expectation(expect.ExpectColumnValuesToBeUnique(column="id"))
    asset = context.data_sources.add_pandas("files").add_dataframe_asset("patients")
    batch = asset.add_batch_definition_whole_dataframe("whole")

    def run() -> Answer:
        frame = as_text(file)
        given = batch.get_batch(batch_parameters={"dataframe": frame})
        found = given.validate(suite, result_format="COMPLETE")
        bad = {index for one in found.results for index in one.result.get("unexpected_index_list") or ()}
        return len(frame), len(bad)

    return run


def main(contender: str, file: Path) -> None:
    """Print what it took."""
    run = {"ours": ours, "polars": polars, "pandera": pandera, "great_expectations": great_expectations}[
        contender
    ](file)
    started = time.process_time()
    rows, rejected = run()
    print(json.dumps({"rows": rows, "seconds": time.process_time() - started, "rejected": rejected}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
