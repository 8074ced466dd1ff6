"""A contract cannot change without its number, and every number keeps its own groups."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from samtranslator.yaml_helper import yaml_parse

from clinrisk import use_cases
from clinrisk.use_cases.columns import Code, Number
from tools import contracts
from tools.template_block import TEMPLATE, render, replaced

if TYPE_CHECKING:
    from pathlib import Path

    from clinrisk.use_cases.base import UseCase
    from clinrisk.use_cases.columns import Column

HEART = use_cases.get("heart")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A folder that holds the record of heart's first contract."""
    contracts.record(replace(HEART, schema_version=1), tmp_path)
    return tmp_path


def changed(**columns: Column) -> UseCase:
    """Return heart's first contract with some of its columns replaced."""
    kept = tuple(columns.get(column.name, column) for column in HEART.columns)
    return replace(HEART, schema_version=1, columns=kept)


def column(name: str) -> Number:
    found = HEART.column(name)
    assert isinstance(found, Number)
    return found


@pytest.mark.parametrize("name", use_cases.names())
def test_the_contract_of_a_use_case_is_the_one_recorded_under_its_number(name: str) -> None:
    contracts.check(use_cases.get(name))


@pytest.mark.parametrize(
    "other",
    [
        changed(chol=replace(column("chol"), high=650)),
        changed(chol=replace(column("chol"), unit="mmol/l")),
        changed(chol=replace(column("chol"), missing=())),
        changed(ca=replace(column("ca"), missing_indicator=True)),
        changed(slope=Code("slope", "slope", {"1": "rising", "2": "flat"})),
        replace(HEART, schema_version=1, columns=HEART.columns[::-1]),
        replace(HEART, schema_version=1, protected=HEART.protected[:1]),
        replace(HEART, schema_version=1, label=replace(HEART.label, classes={"0": 0, "1": 1})),
    ],
    ids=["range", "unit", "missing", "feature", "codes", "order", "groups", "label"],
)
def test_a_changed_contract_under_the_same_number_is_refused(other: UseCase, records: Path) -> None:
    with pytest.raises(contracts.ContractChangedError, match=r"Raise schema_version in use_cases/heart\.py"):
        contracts.check(other, records)
    # Nor does `make template` record it over the one that is there.
    with pytest.raises(contracts.ContractChangedError):
        contracts.record(other, records)
    contracts.check(replace(HEART, schema_version=1), records)


def test_the_refusal_shows_what_changed_and_what_to_do(records: Path) -> None:
    with pytest.raises(contracts.ContractChangedError) as refused:
        contracts.check(changed(chol=replace(column("chol"), high=650)), records)
    lines = str(refused.value).splitlines()
    assert lines[1:3] == ["-  high: 700", "+  high: 650"]
    assert "from 1 to 2, run `make template`" in lines[-1]
    assert "docs/contract-change.md" in lines[-1]


def test_what_decides_about_a_file_alone_is_no_part_of_the_contract(records: Path) -> None:
    looser = changed(chol=replace(column("chol"), usual=(50, 600), other_units=()))
    contracts.check(replace(looser, max_quarantine_share=0.1, title="Heart disease"), records)


def test_a_number_that_was_never_recorded_asks_for_make_template(records: Path) -> None:
    with pytest.raises(contracts.ContractChangedError, match="make template"):
        contracts.check(replace(HEART, schema_version=2), records)


def test_a_new_number_gets_groups_of_its_own_and_the_earlier_ones_stay_as_they_were(records: Path) -> None:
    first = render([replace(HEART, schema_version=1)], records)
    # A title may change, but not the description of a feature group that exists.
    second = replace(
        changed(ca=replace(column("ca"), missing_indicator=True)), schema_version=2, title="Heart"
    )
    contracts.record(second, records)
    text = render([second], records)
    resources = yaml_parse(text)
    groups = {name: each for name, each in resources.items() if name.startswith(("HeartFeat", "HeartMod"))}
    assert list(groups) == ["HeartFeaturesV2", "HeartModelsV2", "HeartFeatures", "HeartModels"]
    before = first[first.index("  HeartFeatures:") : first.index("  HeartMonitoringSchedule:")]
    assert before in text
    names = {name: each["Properties"] for name, each in groups.items()}
    assert names["HeartFeaturesV2"]["FeatureGroupName"] == {"Fn::Sub": "${NamePrefix.Value}-heart-v2"}
    assert names["HeartModelsV2"]["ModelPackageGroupName"] == {"Fn::Sub": "${NamePrefix.Value}-heart-v2"}
    stored = {
        name: [one["FeatureName"] for one in names[name]["FeatureDefinitions"]]
        for name in ("HeartFeatures", "HeartFeaturesV2")
    }
    assert set(stored["HeartFeaturesV2"]) - set(stored["HeartFeatures"]) == {"ca_missing"}


def test_records_are_written_under_the_present_contract_alone(records: Path) -> None:
    second = replace(HEART, schema_version=2)
    contracts.record(second, records)
    resources = yaml_parse(render([second], records))
    [fill, bulk] = resources["FeatureGroupsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    [group] = fill["Resource"]
    assert group["Fn::Sub"].rpartition("/")[2] == "${NamePrefix.Value}-heart-v2"
    [prefix] = bulk["Resource"]
    assert prefix["Fn::Sub"] == "${LakeBucket.Arn}/offline-store/*/${NamePrefix.Value}-heart-v2-*"


def test_who_goes_back_to_an_earlier_number_keeps_the_later_group(records: Path) -> None:
    contracts.record(replace(HEART, schema_version=2), records)
    kept = contracts.kept(replace(HEART, schema_version=1), records)
    assert [each.contract_id for each in kept] == ["heart-v1", "heart-v2"]


def test_an_earlier_contract_whose_record_is_gone_has_no_group_in_the_stack(records: Path) -> None:
    second = replace(HEART, schema_version=2)
    contracts.record(second, records)
    (records / "heart-v1.yaml").unlink()
    assert [each.contract_id for each in contracts.kept(second, records)] == ["heart-v2"]


def test_a_template_without_its_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="comments that mark"):
        replaced(TEMPLATE.read_text(encoding="utf-8").replace("# --- end use cases", ""), [HEART])
