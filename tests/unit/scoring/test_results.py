"""The results file has every scored row once, in file order, under the hospital's own ids."""

import io

import polars as pl
import pytest

from clinrisk.core.scoring.results import COLUMNS, results_of
from clinrisk.errors import CountsDisagree

SCORED = pl.DataFrame(
    {
        "row": [2, 1],
        "record_id": ["b" * 32, "a" * 32],
        "risk": [0.12345678, 0.5],
        "band": ["low", "high"],
        "flagged": [False, True],
        "factor_1": ["age (lowers the risk)", "age (raises the risk)"],
        "factor_2": ["", ""],
        "factor_3": ["", ""],
        "outside": ["", ""],
        "model_version": [3, 3],
        "data_version": ["v1", "v1"],
    }
)
VAULT = pl.DataFrame({"record_id": ["a" * 32, "b" * 32], "row": [1, 2], "source_id": ["MRN 7", None]})


def parquet(frame: pl.DataFrame) -> bytes:
    stream = io.BytesIO()
    frame.write_parquet(stream)
    return stream.getvalue()


def test_rows_are_in_file_order_under_the_hospital_s_ids_or_their_record_ids() -> None:
    found = results_of(parquet(SCORED), parquet(VAULT), header=True)
    assert found.csv.decode().split("\r\n") == [
        ",".join(COLUMNS),
        '1,MRN 7,0.5,high,1,age (raises the risk),"","","",3,v1',
        f'2,{"b" * 32},0.123457,low,0,age (lowers the risk),"","","",3,v1',
        "",
    ]
    assert (found.rows, found.flagged) == (2, 1)


def test_only_the_first_part_has_a_header() -> None:
    first, later = (
        results_of(parquet(SCORED), parquet(VAULT), header=header).csv for header in (True, False)
    )
    assert first == (",".join(COLUMNS) + "\r\n").encode() + later


@pytest.mark.parametrize(
    ("scored", "vault"), [(SCORED[:1], VAULT), (SCORED, VAULT[:1]), (SCORED[:1], VAULT[:1])]
)
def test_a_row_without_its_id_or_an_id_without_its_row_is_refused(
    scored: pl.DataFrame, vault: pl.DataFrame
) -> None:
    with pytest.raises(CountsDisagree):
        results_of(parquet(scored), parquet(vault), header=True)
