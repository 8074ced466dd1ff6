"""The stage on which definitions are played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.statemachines.interpreter import Scene, played

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], Scene]:
    """Return a scene whose services answer as the test lays down."""

    def scene_with(answers: dict[str, Any]) -> Scene:
        return played(monkeypatch, answers)

    return scene_with
