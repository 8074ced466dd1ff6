"""Judge Batch: judges whether a batch is to be believed, before it is scored and before its risks go out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.events import events_of, read_event

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


@pytest.mark.parametrize("name", events_of("judge_batch"))
def test_an_example_event_is_answered(stack: Stack, name: str) -> None:
    event = read_event(name)
    assert stack.call("judge_batch", event) == {"use_case": event["use_case"]}
