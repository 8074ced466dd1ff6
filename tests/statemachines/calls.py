"""What a state asks of a service, and how a service says no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class ServiceError(Exception):
    """What a played service answers with when it fails: an error name and a cause."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.cause = cause


@dataclass(frozen=True)
class Call:
    """One call that a state made."""

    state: str
    resource: str
    arguments: dict[str, Any]

    @property
    def payload(self) -> dict[str, Any]:
        """What a Lambda was given."""
        given: dict[str, Any] = self.arguments["Payload"]
        return given
