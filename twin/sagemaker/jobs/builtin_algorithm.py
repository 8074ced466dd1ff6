"""The image's built-in algorithm, XGBoost, as AWS knows it: its settings, its metrics, its program.

A training job without ContainerEntrypoint runs it, and so does every trial of a tuning job, which has no such
member at all. AWS then takes the algorithm's own hyperparameters and metrics and no others. Read from
aws/sagemaker-xgboost-container (algorithm_mode: hyperparameter_validation.py, metrics.py).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.sagemaker.api_errors import invalid, unsupported
from twin.sagemaker.catalogue import now

if TYPE_CHECKING:
    from twin.sagemaker.platform import Body

_IMAGE = re.compile(r".*/sagemaker-xgboost:.+")
_PROGRAM = Path(__file__).with_name("programs") / "xgboost_training.py"
TUNABLE = {
    "alpha", "colsample_bylevel", "colsample_bynode", "colsample_bytree", "eta", "gamma", "lambda",
    "max_delta_step", "max_depth", "min_child_weight", "num_round", "subsample",
}  # fmt: skip
# Those of the image's metrics that the twin's program writes.
_METRICS = ("logloss", "auc", "error")
# AWS looks for "#011", which is how its log driver writes a tab.
DEFINITIONS = [
    {"Name": f"validation:{name}", "Regex": rf".*\[[0-9]+\].*(?:#011|\t)validation-{name}:(\S+)"}
    for name in _METRICS
]


def is_builtin(algorithm: Body) -> bool:
    """Return whether a job brings no program of its own and names the image that has one."""
    return "ContainerEntrypoint" not in algorithm and bool(
        _IMAGE.fullmatch(algorithm.get("TrainingImage", ""))
    )


def check(algorithm: Body) -> None:
    """Refuse what brings neither a program nor that image, and metrics in place of the built-in ones."""
    if "ContainerEntrypoint" in algorithm:
        return
    if not is_builtin(algorithm):
        what = "training jobs without AlgorithmSpecification.ContainerEntrypoint but of sagemaker-xgboost"
        raise unsupported(what)
    if algorithm.get("MetricDefinitions"):
        raise invalid(
            "You can't override the metric definitions for Amazon SageMaker algorithms. Please retry the"
            " request without specifying metric definitions."
        )


def command(algorithm: Body) -> list[str]:
    """Return what to run: the job's own words, or the built-in algorithm."""
    if is_builtin(algorithm):
        # -I: neither this package's folder nor anything of the user's is importable by the algorithm.
        return ["python3", "-I", str(_PROGRAM), "/opt/ml"]
    return [*algorithm["ContainerEntrypoint"], *algorithm.get("ContainerArguments", [])]


class JobMetrics:
    """The newest value of each metric in a job's lines, found by regular expression as the platform does."""

    def __init__(self, algorithm: Body) -> None:
        given = DEFINITIONS if is_builtin(algorithm) else algorithm.get("MetricDefinitions", [])
        self._patterns = [(each["Name"], re.compile(each["Regex"])) for each in given]
        self._found: dict[str, Any] = {}

    def read(self, line: str) -> None:
        """Look for every metric in a line; what is not a number is none."""
        for name, pattern in self._patterns:
            match = pattern.search(line)
            if match and match.groups():
                try:
                    self._found[name] = (float(match[1]), now())
                except ValueError:
                    continue

    def final(self) -> list[Body]:
        """Return FinalMetricDataList."""
        return [
            {"MetricName": name, "Value": value, "Timestamp": at} for name, (value, at) in self._found.items()
        ]
