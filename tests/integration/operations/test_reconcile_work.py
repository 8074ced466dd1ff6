"""The reconciler as its schedule calls it; what it finds is tested with the command (tests/unit/cli)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.events import events_of, read_event
from tests.integration.state_machines import ENDS, state_machines

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


@pytest.mark.parametrize("name", events_of("reconcile_work"))
def test_a_stack_in_which_nothing_stands_still(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    state_machines(stack, monkeypatch, ENDS)
    assert stack.call("reconcile_work", read_event(name)) == {"stuck": [], "more": 0, "started": []}
