"""Metrics as CloudWatch reads them: from the lines of a function's log in the embedded metric format."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinrisk.aws.telemetry import DIMENSIONS, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class EmittedMetric:
    """One value of one metric, with the values of its dimensions in the order of their definition."""

    name: str
    dimensions: tuple[str, ...]
    value: float


def emitted(name: Metric, value: float, *dimensions: str) -> EmittedMetric:
    """Spell a metric that is expected."""
    return EmittedMetric(str(name), dimensions, value)


def metrics_in(log: str) -> list[EmittedMetric]:
    """Read every metric in the lines of a log, in order; each must be one that the dashboards may show."""
    documents = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [metric for document in documents if "_aws" in document for metric in _of(document)]


def _of(document: dict[str, Any]) -> Iterable[EmittedMetric]:
    for directive in document["_aws"]["CloudWatchMetrics"]:
        assert directive["Namespace"] == "clinrisk"
        [names] = directive["Dimensions"]
        for defined in directive["Metrics"]:
            metric = Metric(defined["Name"])
            assert tuple(names) == DIMENSIONS[metric], metric
            [value] = document[metric]
            yield EmittedMetric(str(metric), tuple(document[name] for name in names), value)
