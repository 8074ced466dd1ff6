"""What every use case must declare, so that everything else can rely on it."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import pytest

from clinrisk import use_cases
from clinrisk.errors import UnknownUseCase
from clinrisk.use_cases.base import UNKNOWN_GROUP
from clinrisk.use_cases.columns import Code, Number


@pytest.mark.parametrize("name", use_cases.names())
def test_a_declaration_is_complete_and_consistent(name: str) -> None:
    use_case = use_cases.get(name)
    assert use_case.name == name
    # A run is its use case and ten digits in 40 characters, of those that SageMaker accepts in names.
    assert re.fullmatch(r"[a-z](-?[a-z0-9]){0,28}", name)
    assert len(name) <= 29
    assert len(set(use_case.feature_names)) == len(use_case.feature_names)
    assert all(re.fullmatch(r"[A-Za-z0-9_]{1,64}", feature) for feature in use_case.feature_names)
    assert not {"is_deleted", "write_time", "api_invocation_time"} & set(use_case.feature_names)
    assert use_case.baseline_feature in use_case.feature_names
    assert use_case.bands[0].lowest_risk == 0
    assert [band.lowest_risk for band in use_case.bands] == sorted(
        band.lowest_risk for band in use_case.bands
    )
    assert (0 < use_case.action.recall < 1) is (use_case.external is None)
    assert set(use_case.label.classes.values()) == {0, 1}
    assert use_case.group_columns == tuple(f"group_{attribute.name}" for attribute in use_case.protected)
    for column in use_case.columns:
        if isinstance(column, Number):
            assert column.low < column.high
            assert column.name in use_case.marginals.spreads
        else:
            assert column.name in use_case.marginals.mixes


@pytest.mark.parametrize("name", use_cases.names())
def test_groups_cover_what_their_column_accepts(name: str) -> None:
    use_case = use_cases.get(name)
    for attribute in use_case.protected:
        column = use_case.column(attribute.column)
        assert attribute.group_names[-1] == UNKNOWN_GROUP
        if isinstance(column, Code):
            assert {code for group in attribute.groups for code in group.codes} == set(column.values)
        else:
            assert attribute.groups[0].low is None
            assert attribute.groups[-1].high is None
            edges = [group.high for group in attribute.groups[:-1]]
            assert edges == [group.low for group in attribute.groups[1:]]


def test_the_headers_are_those_of_the_public_files() -> None:
    assert ",".join(use_cases.get("heart").header) == (
        "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,num"
    )
    assert ",".join(use_cases.get("stroke").header) == (
        "id,gender,age,hypertension,heart_disease,ever_married,work_type,Residence_type,"
        "avg_glucose_level,bmi,smoking_status,stroke"
    )


def test_an_unknown_use_case_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownUseCase, match=", ".join(use_cases.names())):
        use_cases.get("lung")


@pytest.mark.parametrize("name", use_cases.names())
def test_a_band_holds_its_lowest_risk_and_not_that_of_the_next(name: str) -> None:
    use_case = use_cases.get(name)
    for band, following in pairwise(use_case.bands):
        assert use_case.band(band.lowest_risk) == band.name
        assert use_case.band(following.lowest_risk - 1e-9) == band.name
        assert use_case.band(following.lowest_risk) == following.name
    assert use_case.band(1.0) == use_case.bands[-1].name


def test_the_feature_digest_changes_with_names_order_and_schema_version() -> None:
    digests = {use_cases.get(name).feature_digest for name in use_cases.names()}
    assert len(digests) == len(use_cases.names())
    use_case = use_cases.get(use_cases.names()[0])
    for changed in (
        replace(use_case, columns=use_case.columns[::-1]),
        replace(use_case, columns=use_case.columns[1:]),
        replace(use_case, schema_version=use_case.schema_version + 1),
    ):
        assert changed.feature_digest not in digests


def test_columns_and_features_are_found_by_name() -> None:
    for name in use_cases.names():
        use_case = use_cases.get(name)
        assert tuple(use_case.column(column.name) for column in use_case.columns) == use_case.columns
        assert tuple(use_case.feature(feature) for feature in use_case.feature_names) == use_case.features
        with pytest.raises(KeyError):
            use_case.feature("no such feature")


def test_codes_of_five_digits_are_text() -> None:
    codes = [Code("c", "c", {code: ""}).numeric for code in ("-1", "9999", "10000", "1.0", "a")]
    assert codes == [True, True, False, False, False]


def test_declarations_need_the_standard_library_alone() -> None:
    """Jobs import them inside the container image."""
    code = (
        "import sys; from clinrisk import use_cases;"
        "from clinrisk.core.ingest import inbox_keys, receipts;"
        "from clinrisk.core.ingest.sentences import rule_sentences;"
        "[use_cases.get(name) for name in use_cases.names()];"
        "print([name for name in ('polars', 'numpy', 'pydantic', 'pandas', 'boto3') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
