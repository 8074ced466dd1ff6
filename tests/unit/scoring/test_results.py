"""The results file has every scored row once, in file order, under the hospital's own ids."""

import io

import polars as pl
import pytest

from clinrisk import use_cases
from clinrisk.core.scoring.results import ResultCounts, results_of
from clinrisk.core.scoring.results_sidecar import COLUMNS, of_file
from clinrisk.errors import CountsDisagree

SCORED = pl.DataFrame(
    {
        "row": [2, 1],
        "record_id": ["b" * 32, "a" * 32],
        "risk": [0.12345678, 0.5],
        "band": ["low", "high"],
        "flagged": [False, True],
        "risk_low": [0.1, None],
        "risk_high": [0.2, None],
        "not_measured": ["thallium scan", ""],
        "caution": ["", ""],
        "factor_1": ["age (lowers the risk)", "age (raises the risk)"],
        "factor_2": ["", ""],
        "factor_3": ["", ""],
        "outside": ["", ""],
        "model_version": [3, 3],
        "data_version": ["v1", "v1"],
    }
)
OF_FILE = {
    "batch_caution": "Few rows.",
    "use_case": "heart",
    "threshold": 0.335,
    "model_digest": "d" * 64,
    "scored_at": "2026-03-01T10:00:00.000Z",
}
VAULT = pl.DataFrame({"record_id": ["a" * 32, "b" * 32], "row": [1, 2], "source_id": ["MRN 7", None]})


def parquet(frame: pl.DataFrame) -> bytes:
    stream = io.BytesIO()
    frame.write_parquet(stream)
    return stream.getvalue()


def test_rows_are_in_file_order_under_the_hospital_s_ids_or_their_record_ids() -> None:
    found = results_of(parquet(SCORED), parquet(VAULT), OF_FILE, header=True)
    same = f"Few rows.,heart,0.335,3,{'d' * 64},2026-03-01T10:00:00.000Z,v1"
    assert found.csv.decode().split("\r\n") == [
        ",".join(COLUMNS),
        f'1,MRN 7,0.5,,,high,1,"","",age (raises the risk),"","","",{same}',
        f'2,{"b" * 32},0.123457,0.1,0.2,low,0,thallium scan,"",age (lowers the risk),"","","",{same}',
        "",
    ]
    assert found.counts == ResultCounts(rows=2, scored=2, flagged=1)


def test_a_patient_without_a_risk_stands_in_the_file_and_is_counted() -> None:
    changes: dict[str, list[object]] = {
        "risk": [0.3, None],
        "band": ["uncertain", "not scored"],
        "flagged": [False, None],
    }
    scored = SCORED.with_columns(pl.Series(name, values) for name, values in changes.items())
    found = results_of(parquet(scored), parquet(VAULT), OF_FILE, header=False)
    assert found.csv.startswith(b"1,MRN 7,,,,not scored,,")
    assert found.counts + found.counts == ResultCounts(rows=4, scored=2, uncertain=2, not_scored=2)


def test_only_the_first_part_has_a_header() -> None:
    first, later = (
        results_of(parquet(SCORED), parquet(VAULT), OF_FILE, header=header).csv for header in (True, False)
    )
    assert first == (",".join(COLUMNS) + "\r\n").encode() + later


@pytest.mark.parametrize(
    ("scored", "vault"), [(SCORED[:1], VAULT), (SCORED, VAULT[:1]), (SCORED[:1], VAULT[:1])]
)
def test_a_row_without_its_id_or_an_id_without_its_row_is_refused(
    scored: pl.DataFrame, vault: pl.DataFrame
) -> None:
    with pytest.raises(CountsDisagree):
        results_of(parquet(scored), parquet(vault), OF_FILE, header=True)


@pytest.mark.parametrize(
    ("cautions", "shown"),
    [
        ([], None),
        (["A."], "A."),
        (["A.", "B.", "C."], "A. B. C."),
        (["A.", "B.", "C.", "D.", "E."], "A. B. C. 2 more are in the sidecar."),
    ],
)
def test_what_holds_for_a_file_stands_in_every_row(cautions: list[str], shown: str | None) -> None:
    heart = use_cases.get("heart")
    same = of_file(heart, threshold=0.3, model_digest="0a", scored_at="2026-03-01", cautions=cautions)
    assert same == {
        "batch_caution": shown,
        "use_case": "heart",
        "threshold": 0.3,
        "model_digest": "0a",
        "scored_at": "2026-03-01",
    }
    assert same.keys() < COLUMNS.keys()
