"""The recorded contracts, docs/contracts/<use case>-v<n>.yaml: what each version of a use case's contract is.

A record is written once, by `make template`, and says what a row may hold and what is made of it. Feature
groups of earlier versions are rendered from their records, and a test compares the newest record with the
code: a contract cannot change without its number. The title is kept as it was, since AWS never changes the
description of a feature group. What decides about a file alone (how many rows may be set aside, where nearly
every patient lies) is no part of it.
"""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import yaml

from clinrisk.aws import offline_store
from clinrisk.use_cases.columns import MISSING_MARKERS, Number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.use_cases.base import ProtectedAttribute, UseCase
    from clinrisk.use_cases.columns import Column, Feature

RECORDS = Path(__file__).parent.parent / "docs" / "contracts"
_FEATURE_TYPES = {pl.String: "String", pl.Int64: "Integral", pl.Float64: "Fractional"}


class ContractChangedError(Exception):
    """A use case's contract is not the one recorded under its number; the message says what to do."""


@dataclass(frozen=True)
class Contract:
    """One recorded version: what its feature group and its package group are made from."""

    use_case: str
    schema_version: int
    title: str
    feature_group: dict[str, str]
    """Name and Feature Store type of everything that is stored of a row, in order."""

    @property
    def contract_id(self) -> str:
        """The contract by name and number, as `UseCase.contract_id` spells it."""
        return f"{self.use_case}-v{self.schema_version}"


def check(use_case: UseCase, records: Path = RECORDS) -> None:
    """Pass silently when the present contract is the recorded one; raises ContractChangedError."""
    path = _path(use_case.name, use_case.schema_version, records)
    if not path.exists():
        raise ContractChangedError(
            f"The contract {use_case.contract_id} is not recorded yet. Run `make template`."
        )
    recorded = path.read_text(encoding="utf-8")
    present = _text(use_case, yaml.safe_load(recorded)["title"])
    if present != recorded:
        changes = difflib.unified_diff(recorded.splitlines(), present.splitlines(), lineterm="", n=0)
        changed = [line for line in changes if not line.startswith(("---", "+++", "@@"))]
        raise ContractChangedError(
            "\n".join([f"The contract of {use_case.name} is not the one recorded in {path.name}:", *changed])
            + f"\nRaise schema_version in use_cases/{use_case.name}.py from {use_case.schema_version} to "
            f"{use_case.schema_version + 1}, run `make template`, and follow docs/contract-change.md."
        )


def record(use_case: UseCase, records: Path = RECORDS) -> None:
    """Write the record of a new contract; raises ContractChangedError when another one has its number."""
    path = _path(use_case.name, use_case.schema_version, records)
    if not path.exists():
        records.mkdir(parents=True, exist_ok=True)
        path.write_text(_text(use_case, use_case.title), encoding="utf-8")
    check(use_case, records)


def kept(use_case: UseCase, records: Path = RECORDS) -> list[Contract]:
    """Return the contracts that have a feature group: the present one first, then every other record's.

    One whose record was removed has none in the stack: it was never deployed, or is not to be kept there.
    """
    recorded = [
        _contract(yaml.safe_load(path.read_text(encoding="utf-8")))
        for path in records.glob(f"{use_case.name}-v*.yaml")
    ]
    found = {each.schema_version: each for each in recorded}
    found.setdefault(use_case.schema_version, _contract(_document(use_case, use_case.title)))
    present = found.pop(use_case.schema_version)
    return [present, *(found[version] for version in sorted(found, reverse=True))]


def feature_definitions(use_case: UseCase) -> dict[str, str]:
    """Return name and Feature Store type of everything that is stored of a row, in order."""
    return {name: _FEATURE_TYPES[kind] for name, kind in offline_store.schema(use_case).items()}


def _path(name: str, version: int, records: Path) -> Path:
    return records / f"{name}-v{version}.yaml"


def _contract(document: dict[str, Any]) -> Contract:
    return Contract(
        document["use_case"],
        document["schema_version"],
        document["title"],
        document.get("feature_group", {}),
    )


def _text(use_case: UseCase, title: str) -> str:
    document = _document(use_case, title)
    text: str = yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=110)
    return f"# Written by `make template`. It never changes: see docs/contract-change.md.\n{text}"


def _document(use_case: UseCase, title: str) -> dict[str, Any]:
    """Return all that decides what an accepted row means."""
    return {
        "use_case": use_case.name,
        "schema_version": use_case.schema_version,
        "title": title,
        "id_column": use_case.id_column,
        "optional_id_column": use_case.optional_id_column,
        "columns": [_column(column) for column in use_case.file_columns],
        "unused": list(use_case.unused),
        "missing_in_every_column": list(MISSING_MARKERS),
        "label": {"column": use_case.label.column, "classes": dict(use_case.label.classes)},
        "groups": [_attribute(attribute) for attribute in use_case.protected],
        "features": [_feature(feature) for feature in use_case.features],
    } | _kept_where(use_case)


def _kept_where(use_case: UseCase) -> dict[str, Any]:
    """Return what holds the rows of a training, or whose the model is and when it flags."""
    if use_case.external is None:
        return {"feature_group": feature_definitions(use_case)}
    return {"external": asdict(use_case.external)}


def _column(column: Column) -> dict[str, Any]:
    missing: dict[str, Any] = {"missing": list(column.missing)} if column.missing else {}
    missing |= {"essential": True} if column.essential else {}
    if isinstance(column, Number):
        limits = {"low": column.low, "high": column.high, "unit": column.unit, "integer": column.integer}
        return {"name": column.name, **limits, **missing}
    return {"name": column.name, "values": dict(column.values), **missing}


def _attribute(attribute: ProtectedAttribute) -> dict[str, Any]:
    groups: Sequence[dict[str, Any]] = [
        {"name": group.name, "codes": list(group.codes)}
        if group.codes
        else {"name": group.name, "low": group.low, "below": group.high}
        for group in attribute.groups
    ]
    return {"name": attribute.name, "column": attribute.column, "groups": groups}


def _feature(feature: Feature) -> dict[str, Any]:
    code = {"code": feature.code} if feature.code is not None else {}
    return {"name": feature.name, "column": feature.column, "kind": feature.kind, **code}
