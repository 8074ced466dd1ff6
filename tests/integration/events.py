"""The example events, events/<function>.<case>.json, and which functions' events some test runs."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.conftest import ROOT

FUNCTIONS = {path.parent.name for path in (ROOT / "functions").glob("*/*/app.py")}
EVENTS = sorted(path.stem for path in (ROOT / "events").glob("*.json"))
COVERED: set[str] = set()
"""The functions whose events were asked for so far: a test module that is imported asks for those it runs."""


def events_of(*functions: str) -> list[str]:
    """Return the names of all events of some functions, for a test that runs each."""
    COVERED.update(functions)
    return [name for name in EVENTS if name.partition(".")[0] in functions]


def read_event(name: str) -> Any:
    """Return the event of that name."""
    return json.loads((ROOT / "events" / f"{name}.json").read_text())
