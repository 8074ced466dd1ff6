"""The parts of a use case: columns with units and codes, label, groups, threshold, bands and bar.

A use case is one module of this package that binds `USE_CASE` to a `UseCase`. Standard library only, because
jobs import it inside the container image.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from clinrisk.errors import ContractChanged

# A use case names everything it is made of from this one module.
from clinrisk.use_cases.bar import PromotionBar as PromotionBar  # noqa: PLC0414, TC001 - given on to use cases
from clinrisk.use_cases.card import ModelFacts as ModelFacts  # noqa: PLC0414 - given on to use cases
from clinrisk.use_cases.card import PublicSource as PublicSource  # noqa: PLC0414 - given on to use cases

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clinrisk.use_cases.marginals import Marginals

# "Not measured" in every column, however capitalised, unless the text is one of the column's codes: what R,
# SAS, SQL, pandas and spreadsheets write. A column adds its own numbers (cholesterol 0).
MISSING_MARKERS = (
    "", "?", "-", "--", ".", "#N/A", "#NA", "#NULL!", "(null)", "<NA>", "N/A", "NA", "NaN", "-NaN", "NaT",
    "nil", "None", "NULL", "\\N",
)  # fmt: skip
MARKER_NUMBERS = (-9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0)
"""Numbers by which senders often mean "not measured". They mean it only in a column that declares them; where
they are out of range, the message names them as likely markers."""
UNKNOWN_GROUP = "unknown"
GROUP_PREFIX = "group_"


@dataclass(frozen=True)
class OtherUnit:
    """A unit that senders confuse with the agreed one: `value * factor` gives the agreed unit."""

    unit: str
    factor: float


@dataclass(frozen=True)
class Number:
    """A measured column: accepted from `low` to `high` inclusive, in `unit`."""

    name: str
    title: str
    low: float
    high: float
    unit: str
    missing: tuple[float, ...] = ()
    """Numbers that mean "not measured" in this column, in addition to the markers of every column."""
    essential: bool = False
    """Without it no risk is stated: such a row trains nothing, and a result says "not scored"."""
    least_filled: float = 0.75
    """The least share of a file's rows in which it must be measured."""
    commonest: float = 0.3
    """The largest share of patients, in any population it is meant for, who have one and the same value."""
    fractions: float = 0.0
    """The least share of values that have decimals, where decimals are the rule."""
    integer: bool = False
    missing_indicator: bool = False
    """Add a feature `<name>_missing`: being missing is informative."""
    usual: tuple[float, float] | None = None
    """The range of nearly every patient: it shows a column in another unit or of another magnitude."""
    other_units: tuple[OtherUnit, ...] = ()


@dataclass(frozen=True)
class Code:
    """A column of codes: `values` maps each accepted code, as written in the file, to its meaning.

    Codes that read as numbers (up to four digits) are compared as numbers, so that 1 and 1.0 are the same.
    """

    name: str
    title: str
    values: Mapping[str, str]
    missing: tuple[float, ...] = ()
    essential: bool = False
    least_filled: float = 0.75
    commonest: float = 1.0

    @cached_property
    def numeric(self) -> bool:
        """Whether every code of the column is a whole number."""
        return all(re.fullmatch(r"-?[0-9]{1,4}", code) for code in self.values)


Column = Number | Code


@dataclass(frozen=True)
class Label:
    """The outcome column: `classes` maps each value as written to 0 or 1."""

    column: str
    title: str
    classes: Mapping[str, int]


@dataclass(frozen=True)
class Group:
    """One group of a protected attribute: some codes, or the numbers from `low` up to, but below, `high`."""

    name: str
    title: str
    codes: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ProtectedAttribute:
    """A characteristic by which service must not differ silently; patients of no group are "unknown"."""

    name: str
    title: str
    column: str
    groups: tuple[Group, ...]

    @property
    def group_names(self) -> tuple[str, ...]:
        """The group names in declared order, "unknown" last."""
        return (*(group.name for group in self.groups), UNKNOWN_GROUP)

    @property
    def group_titles(self) -> dict[str, str]:
        """The title of each group by its name, "unknown" last."""
        return {group.name: group.title for group in self.groups} | {UNKNOWN_GROUP: "not known"}


@dataclass(frozen=True)
class ActionThreshold:
    """The share of true cases that the flag must find; the cut is chosen for it on out-of-fold scores."""

    recall: float
    reason: str


@dataclass(frozen=True)
class Band:
    """A risk band in words: it holds from `lowest_risk` (inclusive) up to the next band."""

    name: str
    lowest_risk: float


@dataclass(frozen=True)
class Feature:
    """One model input: a number as measured, or a 0/1 flag (a code, or being missing)."""

    name: str
    column: str
    kind: Literal["number", "flag", "missing"]
    title: str
    unit: str = ""
    code: str | None = None
    """For a flag: the code, as declared, that makes it 1."""
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class SearchRange:
    """The range, ends included, in which a tuning job chooses one setting of XGBoost."""

    name: str
    low: float
    high: float
    integer: bool = False
    """Whole numbers only."""
    logarithmic: bool = False
    """Equal ratios are equally likely, instead of equal differences."""


# Wide enough for millions of rows; few trees and shallow ones stay within reach for small data.
TUNING_RANGES = (
    SearchRange("max_depth", 2, 6, integer=True),
    SearchRange("num_round", 20, 400, integer=True, logarithmic=True),
    SearchRange("eta", 0.02, 0.3, logarithmic=True),
    SearchRange("min_child_weight", 1, 30, logarithmic=True),
    SearchRange("subsample", 0.5, 1),
    SearchRange("colsample_bytree", 0.5, 1),
)


@dataclass(frozen=True)
class UseCase:
    """Everything that differs between use cases."""

    name: str
    title: str
    description: str
    columns: tuple[Column, ...]
    label: Label
    protected: tuple[ProtectedAttribute, ...]
    action: ActionThreshold
    bands: tuple[Band, ...]
    bar: PromotionBar
    max_quarantine_share: float
    """The share of quarantined rows above which a file is rejected."""
    min_training_rows: int
    hyperparameters: Mapping[str, Mapping[str, str]]
    """Per algorithm ("xgboost", "logistic"), all strings as SageMaker wants them."""
    marginals: Marginals
    """What a synthetic patient looks like."""
    id_column: str | None = None
    optional_id_column: str | None = None
    """A column of the hospital's own ids that a file may have, where the public files have none."""
    horizon_days: int | None = None
    """For how many days after it is made a prediction speaks: only then is "no event yet" "no event". None
    where one examination gives the outcome, as angiography does."""
    least_measured: float = 0.75
    """The least share of what drives the model's risks that must be measured for a risk to be stated."""
    baseline_feature: str = "age"
    """The floor: a model of this one feature must be cleared."""
    schema_version: int = 1
    """The number of the contract: another one, whenever what a row may hold or what is made of it changes
    (docs/contract-change.md). Feature group, offline store and package group carry it in their names."""
    schedule: str = "rate(1 day)"
    unused: tuple[str, ...] = field(default=())
    """Columns of the public file that are checked for presence and then dropped."""
    monotone: Mapping[str, int] = field(default_factory=dict)
    """Model inputs whose rise may only raise (1) or only lower (-1) the risk, where medicine says so."""
    tuning_ranges: tuple[SearchRange, ...] = TUNING_RANGES
    """What a tuning job searches, where the stack is deployed with HyperparameterSearch=tuning."""
    facts: ModelFacts = field(default_factory=ModelFacts)
    """The texts of the model card that data cannot give."""
    public_sources: tuple[PublicSource, ...] = ()
    """The public data sets that a file is recognised as by the digest of its rows."""

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The columns of a training file in the public file's order."""
        first = (self.id_column,) if self.id_column else ()
        return (*first, *(column.name for column in self.columns), *self.unused, self.label.column)

    def id_in(self, header: Iterable[str]) -> str | None:
        """Return the column of a file that holds the hospital's own ids, if it has one."""
        return self.id_column or next((name for name in header if name == self.optional_id_column), None)

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The model's inputs in order."""
        return tuple(feature for column in self.columns for feature in features_of(column))

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the model's inputs in order: letters, digits and underscores only."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def feature_digest(self) -> str:
        """The sha256 of the ordered feature names and the schema version: what model and data must share."""
        text = "\n".join((f"schema {self.schema_version}", *self.feature_names))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def contract_id(self) -> str:
        """The contract by name and number, as what belongs to it is named: heart-v1."""
        return f"{self.name}-v{self.schema_version}"

    def check_contract(self, version: int) -> None:
        """Pass silently when data were read under this version of the contract; raises ContractChanged."""
        if version != self.schema_version:
            raise ContractChanged(
                f"The file was read under version {version} of the contract of {self.name}, and the system "
                f"has version {self.schema_version} by now: it has to be read again."
            )

    @cached_property
    def essential(self) -> tuple[str, ...]:
        """The columns without which no risk is stated."""
        return tuple(column.name for column in self.columns if column.essential)

    @cached_property
    def group_columns(self) -> tuple[str, ...]:
        """The names of the columns that hold each row's groups."""
        return tuple(GROUP_PREFIX + attribute.name for attribute in self.protected)

    def column(self, name: str) -> Column:
        """Return the declared column of that name; raises KeyError."""
        return {column.name: column for column in self.columns}[name]

    def feature(self, name: str) -> Feature:
        """Return the model input of that name; raises KeyError."""
        return {feature.name: feature for feature in self.features}[name]

    def band(self, risk: float) -> str:
        """Return the name of the band of a risk between 0 and 1."""
        return [band.name for band in self.bands if risk >= band.lowest_risk][-1]


def feature_name(column: str, suffix: str = "") -> str:
    """Return the name of a model input in characters that the Feature Store accepts.

    >>> feature_name("smoking_status", "never smoked")
    'smoking_status_never_smoked'
    """
    return re.sub(r"[^A-Za-z0-9]+", "_", f"{column} {suffix}".strip()).strip("_")


def features_of(column: Column) -> tuple[Feature, ...]:
    """Return a column's model inputs: the number, one flag for two codes, a flag per code for more.

    >>> pain = Code("cp", "chest pain", {"1": "typical", "2": "atypical", "3": "none"})
    >>> [feature.name for feature in features_of(pain)]
    ['cp_1', 'cp_2', 'cp_3']
    """
    if isinstance(column, Number):
        number = Feature(
            feature_name(column.name),
            column.name,
            "number",
            column.title,
            column.unit,
            low=column.low,
            high=column.high,
        )
        if not column.missing_indicator:
            return (number,)
        name = feature_name(column.name, "missing")
        return (number, Feature(name, column.name, "missing", f"{column.title} not measured"))
    codes = list(column.values.items())
    if len(codes) == 2:
        code, meaning = codes[1]
        title = f"{column.title}: {meaning}"
        return (Feature(feature_name(column.name), column.name, "flag", title, code=code),)
    return tuple(
        Feature(feature_name(column.name, code), column.name, "flag", f"{column.title}: {meaning}", code=code)
        for code, meaning in codes
    )
