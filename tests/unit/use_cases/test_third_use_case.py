"""One more use case is one file: ingest, cohort and keys know it as soon as the file is there."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from cli.local_files import synthetic_cohort
from clinrisk import use_cases
from clinrisk.core.ingest.check_file import check_file
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.core.ingest.csv_file.head import read_header
from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.core.ingest.rules import FileRule
from clinrisk.core.ingest.sentences.rule_sentences import explain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clinrisk.use_cases.base import UseCase

SEPSIS = """
from clinrisk.use_cases.base import *
from clinrisk.use_cases.columns import Code, Number
from clinrisk.use_cases.marginals import Marginals, Mix, Spread

USE_CASE = UseCase(
    name="sepsis",
    title="Sepsis risk",
    description="The chance that a patient on the ward develops sepsis.",
    id_column="case",
    columns=(
        Number("age", "age", 0, 120, "years"),
        Number("lactate", "lactate", 0.1, 30, "mmol/l"),
        Code("ward", "ward", {"surgery": "surgery", "medicine": "medicine", "icu": "intensive care"}),
    ),
    label=Label("sepsis", "sepsis", {"no": 0, "yes": 1}),
    protected=(
        ProtectedAttribute(
            "age_band",
            "age",
            "age",
            (Group("under_65", "under 65", high=65), Group("over_65", "over 65", low=65)),
        ),
    ),
    action=ActionThreshold(0.9, "antibiotics early"),
    bands=(Band("low", 0.0), Band("high", 0.3)),
    bar=PromotionBar(0.6, 0.99, 0.05, 0.0, 0.05, 0.25, (0.5, 1.5), (0.8, 1.25), 20, 100),
    max_quarantine_share=0.2,
    min_training_rows=100,
    hyperparameters={"xgboost": {}, "logistic": {}},
    marginals=Marginals(
        prevalence=0.2,
        spreads={
            "age": Spread((18, 60, 95), risk=0.5),
            "lactate": Spread((0.5, 1.2, 9.0), decimals=1, risk=1.5),
        },
        mixes={"ward": Mix(((120, {"surgery": 0.4, "medicine": 0.4, "icu": 0.2}),), risk={"icu": 1.0})},
        labels={0: {"no": 1.0}, 1: {"yes": 1.0}},
        missing_marker="",
    ),
)
"""


SHIPPED = use_cases.names()


@pytest.fixture
def sepsis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UseCase]:
    (tmp_path / "sepsis.py").write_text(SEPSIS)
    monkeypatch.setattr(use_cases, "__path__", [*use_cases.__path__, str(tmp_path)])
    yield use_cases.get("sepsis")
    del sys.modules["clinrisk.use_cases.sepsis"]


def test_one_file_makes_a_use_case_that_all_of_ingest_knows(sepsis: UseCase) -> None:
    assert use_cases.names() == tuple(sorted((*SHIPPED, "sepsis")))
    assert parse_key("inbox/sepsis/training/a.csv").use_case == "sepsis"
    data = synthetic_cohort.draw("sepsis", rows=300, seed=1).replace(b",icu,", b",ICU,", 1)
    header = read_header(data)
    chunk = read_chunk(data[header.length :], sepsis, "training", header.names, 1, b"key")
    assert (chunk.counts.rows, dict(chunk.counts.reasons)) == (300, {"unknown_code:ward": 1})
    assert chunk.features.columns == [
        *("record_id", "row", "label", "group_age_band", "age", "lactate"),
        *("ward_surgery", "ward_medicine", "ward_icu"),
    ]
    assert chunk.profile is not None
    assert chunk.profile.rows == 299


def test_its_sentences_come_from_its_declaration(sepsis: UseCase) -> None:
    for name in SHIPPED:
        verdict = check_file(synthetic_cohort.draw(name, rows=5, seed=1), sepsis, "training")
        [problem] = verdict.problems
        assert (problem.rule, problem.detail) == (FileRule.HEADER_OF_OTHER, use_cases.get(name).title)
    data = synthetic_cohort.draw("sepsis", rows=5, seed=1)
    chunk = check_file(
        re.sub(rb",[0-9.]+,icu|,[0-9.]+,medicine|,[0-9.]+,surgery", b",98,icu", data), sepsis, "training"
    )
    assert any("0.1 to 30 mmol/l" in sentence for sentence in explain(chunk, sepsis))


def test_without_the_file_it_is_gone() -> None:
    assert "sepsis" not in use_cases.names()
    assert use_cases.names() == SHIPPED
