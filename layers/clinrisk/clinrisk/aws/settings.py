"""The names and addresses of this stack's resources, as one frozen object per process.

A function has them from its environment, which holds only what the function needs; the command has them from
the stack's outputs.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from clinrisk.errors import SettingMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_GIVEN: Any = object()


class Settings(BaseModel):
    """What this process was given; reading anything else raises SettingMissing, which names the variable.

    >>> Settings.model_validate({"LAKE_BUCKET": "lake"}).lake_bucket
    'lake'
    """

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, hide_input_in_errors=True)

    inbox_bucket: str = _NOT_GIVEN
    lake_bucket: str = _NOT_GIVEN
    results_bucket: str = _NOT_GIVEN
    audit_bucket: str = _NOT_GIVEN
    uploads_table: str = _NOT_GIVEN
    approvals_table: str = _NOT_GIVEN
    deployments_table: str = _NOT_GIVEN
    approvers_table: str = _NOT_GIVEN
    slots_table: str = _NOT_GIVEN
    findings_table: str = _NOT_GIVEN
    approvals_topic: str = _NOT_GIVEN
    alerts_topic: str = _NOT_GIVEN
    ingest_state_machine: str = _NOT_GIVEN
    training_state_machine: str = _NOT_GIVEN
    release_state_machine: str = _NOT_GIVEN
    scoring_state_machine: str = _NOT_GIVEN
    monitoring_state_machine: str = _NOT_GIVEN
    signing_key: str = _NOT_GIVEN
    approver_key: str = _NOT_GIVEN
    decision_key: str = _NOT_GIVEN
    name_prefix: str = _NOT_GIVEN
    job_prefix: str = _NOT_GIVEN
    approval_api_url: str = _NOT_GIVEN
    approval_timeout_hours: float = _NOT_GIVEN
    ingests_at_once: int = _NOT_GIVEN
    transform_jobs_at_once: int = _NOT_GIVEN
    processing_jobs_at_once: int = _NOT_GIVEN
    training_jobs_at_once: int = _NOT_GIVEN
    features_days: int = _NOT_GIVEN
    vault_days: int = _NOT_GIVEN
    scores_days: int = _NOT_GIVEN
    fhir_results: str = _NOT_GIVEN

    if not TYPE_CHECKING:  # a type checker must go on seeing which settings there are

        def __getattribute__(self, name: str) -> Any:
            value = super().__getattribute__(name)
            if value is _NOT_GIVEN:
                raise SettingMissing(f"The setting {name.upper()} is missing.")
            return value


class _Process:
    """Where the settings of this process come from: the environment, until `use` names something else."""

    variables: ClassVar[Mapping[str, str]] = os.environ


@cache
def settings() -> Settings:
    """Return this process's settings."""
    return Settings.model_validate({name: value for name, value in _Process.variables.items() if value})


def use(variables: Mapping[str, str]) -> None:
    """Take this process's settings from `variables` from now on, named as in a function's environment."""
    _Process.variables = variables
    settings.cache_clear()
