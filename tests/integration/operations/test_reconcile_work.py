"""The reconciler as its schedule calls it; what it finds is tested with the command (tests/unit/cli)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from clinrisk.aws.settings import settings
from tests.integration.events import events_of, read_event

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

ROLE = "arn:aws:iam::123456789012:role/machine"


@pytest.mark.parametrize("name", events_of("reconcile_work"))
def test_a_stack_in_which_nothing_stands_still(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    for machine in ("ingest", "training", "release", "scoring", "monitoring"):
        made = stack.sfn.create_state_machine(name=machine, definition=definition, roleArn=ROLE)
        monkeypatch.setenv(f"{machine.upper()}_STATE_MACHINE", made["stateMachineArn"])
    settings.cache_clear()
    assert stack.call("reconcile_work", read_event(name)) == {"stuck": [], "more": 0, "started": []}
