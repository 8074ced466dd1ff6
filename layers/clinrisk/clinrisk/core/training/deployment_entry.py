"""What the ledger keeps of a deployment of the stack's code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from clinrisk.core.ledger.events import LedgerEvent

DEPLOYMENTS = "deployments/"
"""How the identity of every deployment begins."""


@dataclass(frozen=True, kw_only=True)
class DeploymentEntry(LedgerEvent):
    """Which code a stack got: that of its functions by the layer's version, that of its jobs by digest."""

    event_name: ClassVar[str] = "deployed"
    first_stands: ClassVar[frozenset[str]] = frozenset({"deployed_at"})

    stack: str
    """The stack, by its ARN."""
    request: str
    """CloudFormation's own id of the request: it is the same when a request is repeated."""
    change: str
    """Create or Update."""
    layer: str
    code_sha256: str
    deployed_at: str
    format: int = 1

    @property
    def identity(self) -> str:
        """The request."""
        return f"{DEPLOYMENTS}{self.request}"

    @property
    def moment(self) -> str:
        """When the code was there."""
        return self.deployed_at
