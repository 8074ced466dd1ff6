"""Where this stack keeps its things, as one typed object read from the environment on first use."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from clinrisk.errors import SettingMissing

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Variable:
    """A setting that is looked up when it is used, so that each function is given only what it needs."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name.upper()

    def __get__(self, settings: Settings, owner: type) -> str:
        return settings.read(self._name)


class Settings:
    """The names and addresses of this stack's resources.

    >>> Settings({"LAKE_BUCKET": "lake"}).lake_bucket
    'lake'
    """

    __slots__ = ("_environment",)

    inbox_bucket = _Variable()
    lake_bucket = _Variable()
    results_bucket = _Variable()
    audit_bucket = _Variable()
    uploads_table = _Variable()
    approvals_table = _Variable()
    deployments_table = _Variable()
    approvals_topic = _Variable()
    alerts_topic = _Variable()
    signing_key = _Variable()
    stack_name = _Variable()
    approval_api_url = _Variable()
    approval_timeout_hours = _Variable()

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)

    def read(self, name: str) -> str:
        """Return the value of environment variable `name`, or say which one the template forgot."""
        value = self._environment.get(name)
        if not value:
            raise SettingMissing(f"The environment variable {name} is not set for this function.")
        return value


@cache
def settings() -> Settings:
    """Return this process's settings."""
    return Settings(os.environ)
