"""The picture of a state machine, held against every machine of the template."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from cli.console.state_picture import MOST_IN_ROW, Flow, draw, flow_of, rows_of

ROOT = Path(__file__).resolve().parents[4]
MACHINES = sorted(path.name for path in (ROOT / "statemachines").glob("*.asl.yaml"))


@pytest.fixture(params=MACHINES)
def flow(request: pytest.FixtureRequest) -> Flow:
    return flow_of(yaml.safe_load((ROOT / "statemachines" / request.param).read_text()))


def test_every_state_without_an_error_is_in_one_row(flow: Flow) -> None:
    shown = [name for row in rows_of(flow) for name in row]
    assert sorted(shown) == sorted(flow.reached())
    assert len(set(shown)) == len(shown)
    assert shown[0] == flow.first


def test_what_follows_stands_lower_unless_the_machine_goes_back(flow: Flow) -> None:
    level = {name: number for number, row in enumerate(rows_of(flow)) for name in row}
    back = [(one, other) for one in level for other in flow.follows[one] if level[other] <= level[one]]
    # Only training enters a second time, at the evaluation of a run that was trained before.
    assert len(back) <= 2
    assert sum(len(ways) for ways in flow.follows.values()) > 5 * len(back)


def test_the_picture_names_lights_and_links_every_state(flow: Flow) -> None:
    name = flow.first
    svg = draw(flow, {name: "now"}, {name: "3 s"}, lambda one: f"/?state={one}", "A & B")
    tree = ET.fromstring(svg)  # noqa: S314 # our own picture, which has to be well-formed
    assert tree.attrib["aria-label"] == "A & B"
    boxes = {box.find("title").text: box for box in tree.iter("a")}  # type: ignore[union-attr]
    assert set(boxes) == set(flow.reached())
    assert boxes[name].attrib["class"] == "state now"
    assert [text.text for text in boxes[name].iter("text")][-1] == "3 s"
    assert float(tree.attrib["width"]) <= (196 + 16) * MOST_IN_ROW + 16


def test_what_only_an_error_leads_to_is_drawn_when_it_was_entered() -> None:
    ways: dict[str, Any] = {
        "Try": {"Type": "Task", "Catch": [{"Next": "Explain"}], "End": True},
        "Explain": {"Type": "Pass", "Next": "Lost"},
        "Lost": {"Type": "Fail"},
    }
    flow = flow_of({"StartAt": "Try", "States": ways})

    def drawn(lit: dict[str, str]) -> str:
        return str(draw(flow, lit, {}, str, "x"))

    assert "Explain" not in drawn({"Try": "done"})
    shown = drawn({"Try": "done", "Explain": "done", "Lost": "failed"})
    assert "Entered because of an error" in shown
    assert "state failed" in shown


def test_a_name_is_text() -> None:
    flow = flow_of({"StartAt": "<script>", "States": {"<script>": {"Type": "Succeed"}}})
    assert "<script>" not in draw(flow, {}, {}, str, "x")
