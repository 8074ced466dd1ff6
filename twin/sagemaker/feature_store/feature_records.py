"""Feature records checked against their group: values in their declared types, event time understood."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from twin.sagemaker.api_errors import SageMakerError

if TYPE_CHECKING:
    from twin.sagemaker.platform import Body

# The two forms that AWS takes for a String event time: seconds or milliseconds, in UTC.
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
_INTEGER = re.compile(r"-?\d{1,19}")
_INT64 = 2**63


@dataclass(frozen=True, slots=True)
class FeatureRecord:
    """One version of one record: typed values by feature name; a missing feature is absent."""

    identifier: str
    event_time: datetime
    values: dict[str, Any]
    invoked_at: datetime
    deleted: bool = False


def refused(message: str) -> SageMakerError:
    """Return the ValidationError of the Feature Store's runtime; it names features, never their values."""
    return SageMakerError("ValidationError", message)


def parse_record(group: Body, features: list[Body], invoked_at: datetime) -> FeatureRecord:
    """Return the record in a PutRecord request, or the refusal AWS would give."""
    types = feature_types(group)
    values: dict[str, Any] = {}
    for feature in features:
        name = feature["FeatureName"]
        kind = types.get(name)
        if kind is None:
            raise refused(f"The feature {name} is not in the feature group {group['FeatureGroupName']}.")
        if name in values:
            raise refused(f"The feature {name} appears more than once in the record.")
        if "ValueAsString" not in feature:
            raise refused(f"The feature {name} has no ValueAsString.")
        values[name] = _typed(name, kind, feature["ValueAsString"])
    for member in ("RecordIdentifierFeatureName", "EventTimeFeatureName"):
        if group[member] not in values:
            raise refused(f"The record lacks the feature {group[member]}.")
    identifier = str(values[group["RecordIdentifierFeatureName"]])
    moment = event_time(group, values[group["EventTimeFeatureName"]])
    return FeatureRecord(identifier, moment, values, invoked_at)


def deletion(group: Body, identifier: str, event: str, invoked_at: datetime) -> FeatureRecord:
    """Return the marker that DeleteRecord leaves offline: identifier and event time, all else null."""
    types = feature_types(group)
    names = (group["RecordIdentifierFeatureName"], group["EventTimeFeatureName"])
    typed = {
        name: _typed(name, types[name], text) for name, text in zip(names, (identifier, event), strict=True)
    }
    return FeatureRecord(identifier, event_time(group, typed[names[1]]), typed, invoked_at, deleted=True)


def feature_types(group: Body) -> dict[str, str]:
    """Return the type of each feature; kept on the group, as every one of thousands of records needs it."""
    cached = group.get("_types")
    if cached is None or len(cached) != len(group["FeatureDefinitions"]):
        cached = {each["FeatureName"]: each["FeatureType"] for each in group["FeatureDefinitions"]}
        group["_types"] = cached
    types: dict[str, str] = cached
    return types


def event_time(group: Body, value: Any) -> datetime:
    """Return the moment of an event time: ISO 8601 in UTC if String, epoch seconds if Fractional."""
    name = group["EventTimeFeatureName"]
    try:
        if isinstance(value, str):
            if not _ISO.fullmatch(value):
                raise ValueError  # noqa: TRY301 - one refusal for every bad form
            return datetime.fromisoformat(value)
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        message = f"The event time {name} is neither yyyy-MM-dd'T'HH:mm:ss[.SSS]Z nor epoch seconds."
        raise refused(message) from error


def _typed(name: str, kind: str, text: str) -> Any:
    if kind == "Integral":
        if _INTEGER.fullmatch(text) and -_INT64 <= int(text) < _INT64:
            return int(text)
    elif kind == "Fractional":
        try:
            number = float(text)
        except ValueError:
            number = math.inf
        if math.isfinite(number) and "_" not in text:
            return number
    else:
        return text
    raise refused(f"The feature {name} must be of type {kind}.")
