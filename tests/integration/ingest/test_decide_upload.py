"""Decide Upload: carries out what a person decided about an upload: let it through, or withdraw it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.events import events_of, read_event

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


@pytest.mark.parametrize("name", events_of("decide_upload"))
def test_an_example_event_is_answered(stack: Stack, name: str) -> None:
    event = read_event(name)
    assert stack.call("decide_upload", event) == {"use_case": event["use_case"]}
