"""State machines of a stack, for functions that look at what runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clinrisk.aws.settings import settings

if TYPE_CHECKING:
    import pytest

    from tests.integration.conftest import Stack

ROLE = "arn:aws:iam::123456789012:role/machine"
ENDS = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}


def state_machines(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, definition: dict[str, Any]
) -> dict[str, str]:
    """Make every machine of one definition, let the functions know them, and return them by name."""
    made = {}
    for name in ("ingest", "training", "release", "scoring", "monitoring"):
        made[name] = stack.sfn.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=ROLE
        )["stateMachineArn"]
        monkeypatch.setenv(f"{name.upper()}_STATE_MACHINE", made[name])
    settings.cache_clear()
    return made
