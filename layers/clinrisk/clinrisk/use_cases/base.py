"""The parts of a use case besides its columns: label, groups, threshold, bands and bar.

A use case is one module of this package that binds `USE_CASE` to a `UseCase`. Standard library only, because
jobs import it inside the container image.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from clinrisk.errors import ContractChanged

# A use case names what it is made of, but for its columns, from this one module.
from clinrisk.use_cases.bar import PromotionBar as PromotionBar  # noqa: PLC0414, TC001 - given on to use cases
from clinrisk.use_cases.card import ModelFacts as ModelFacts  # noqa: PLC0414 - given on to use cases
from clinrisk.use_cases.card import PublicSource as PublicSource  # noqa: PLC0414 - given on to use cases
from clinrisk.use_cases.columns import features_of
from clinrisk.use_cases.external_model import PREDICTION_COLUMNS, RISK
from clinrisk.use_cases.external_model import ExternalModel as ExternalModel  # noqa: PLC0414 - given on to use cases

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clinrisk.use_cases.columns import Column, Feature
    from clinrisk.use_cases.fhir_sources import FhirSource
    from clinrisk.use_cases.marginals import Marginals

UNKNOWN_GROUP = "unknown"
GROUP_PREFIX = "group_"


@dataclass(frozen=True)
class Duty:
    """Who looks after a finding of monitoring, and within how many days something should be done."""

    owner: str
    days: int
    unjudged_days: int
    """For so many days a check may have nothing new to judge; beyond them that is a finding."""


DUTIES: Mapping[str, Duty] = {
    "quality": Duty("data manager", 3, 30),
    "drift": Duty("operator", 14, 30),
    "performance": Duty("operator", 7, 60),
    "bias": Duty("operator", 7, 30),
}
"""By check, where a use case states nothing else."""


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
    bands: tuple[Band, ...]
    bar: PromotionBar
    max_quarantine_share: float
    """The share of quarantined rows above which a file is rejected."""
    marginals: Marginals
    """What a synthetic patient looks like."""
    action: ActionThreshold = ActionThreshold(0.0, "")
    """Of a model of ours, as the next two; what a vendor's model aims at is the vendor's to state."""
    min_training_rows: int = 0
    hyperparameters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Per algorithm ("xgboost", "logistic"), all strings as SageMaker wants them."""
    external: ExternalModel | None = None
    """Stated where the model is not ours: nothing is trained, its predictions are sent to us."""
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
    duties: Mapping[str, Duty] = field(default_factory=lambda: DUTIES)
    """Per check of monitoring."""
    unused: tuple[str, ...] = field(default=())
    """Columns of the public file that are checked for presence and then dropped."""
    monotone: Mapping[str, int] = field(default_factory=dict)
    """Model inputs whose rise may only raise (1) or only lower (-1) the risk, where medicine says so."""
    tuning_ranges: tuple[SearchRange, ...] = TUNING_RANGES
    """What a tuning job searches, where the stack is deployed with HyperparameterSearch=tuning."""
    facts: ModelFacts = field(default_factory=ModelFacts)
    """The texts of the model card that data cannot give."""
    fhir: Mapping[str, FhirSource] = field(default_factory=dict)
    """Per column, its source in FHIR resources (docs/data-formats.md); a column without one stays empty."""
    public_sources: tuple[PublicSource, ...] = ()
    """The public data sets that a file is recognised as by the digest of its rows."""

    def __post_init__(self) -> None:
        """Refuse a declaration that is neither of a model of ours nor of another one; raises ValueError."""
        if (self.external is None) != bool(self.min_training_rows and self.action.recall):
            message = f"{self.name} states either how a model is trained, or whose model it is."
            raise ValueError(message)
        if self.external is not None and not self.id_column:
            message = f"Predictions of {self.name} need an id column: outcomes name patients by it."
            raise ValueError(message)

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The columns of a training file in the public file's order, or of predictions that others make."""
        first = (self.id_column,) if self.id_column else ()
        last = PREDICTION_COLUMNS if self.external else (*self.unused, self.label.column)
        return (*first, *(column.name for column in self.columns), *last)

    @property
    def purposes(self) -> tuple[str, ...]:
        """The purposes for which files are taken, that of patients with a risk before their answers."""
        own = ("training", "inference") if self.external is None else ("predictions",)
        return (*own, "outcomes", "feedback")

    @property
    def scored_purpose(self) -> str:
        """The purpose of the files whose patients have a risk: batches, as monitoring calls them."""
        return "inference" if self.external is None else "predictions"

    @cached_property
    def file_columns(self) -> tuple[Column, ...]:
        """The measured columns of a file of patients: the model's inputs, and another model's risk."""
        return self.columns if self.external is None else (*self.columns, RISK)

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

    def unjudged_days(self, check: str) -> int:
        """Return for how many days a check may have nothing new to judge.

        Performance needs outcomes: they may take twice the time that a prediction speaks for.
        """
        allowed = self.duties[check].unjudged_days
        return max(allowed, 2 * (self.horizon_days or 0)) if check == "performance" else allowed

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
        return {column.name: column for column in self.file_columns}[name]

    def feature(self, name: str) -> Feature:
        """Return the model input of that name; raises KeyError."""
        return {feature.name: feature for feature in self.features}[name]

    def band(self, risk: float) -> str:
        """Return the name of the band of a risk between 0 and 1."""
        return [band.name for band in self.bands if risk >= band.lowest_risk][-1]
