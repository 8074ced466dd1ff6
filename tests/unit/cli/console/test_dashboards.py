"""Dashboards of the console: the template's own definitions, drawn from what is stored."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from botocore.exceptions import ClientError

from cli.console.metric_charts import MetricSeries, series_of, time_series
from cli.console.pages import dashboard_pages
from clinrisk.aws import clients
from tests.unit.cli.console.conftest import Visitor, write_dashboards

ROOT = Path(__file__).resolve().parents[4]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class _Template(yaml.SafeLoader):
    """Reads template.yaml; what CloudFormation resolves becomes a text."""


_Template.add_multi_constructor("!", lambda _, suffix, node: f"{suffix} {node.value}")


def widgets(dashboard: str) -> list[dict[str, Any]]:
    """Return the widgets of a dashboard of the template."""
    resources = yaml.load((ROOT / "template.yaml").read_text(), _Template)["Resources"]  # noqa: S506
    found: list[dict[str, Any]] = resources[dashboard]["Properties"]["DashboardBody"]["Fn::ToJsonString"][
        "widgets"
    ]
    return found


@pytest.mark.parametrize("dashboard", sorted(dashboard_pages.DASHBOARDS.values()))
def test_every_metric_of_the_template_is_understood(dashboard: str) -> None:
    for widget in widgets(dashboard):
        asked = widget["properties"].get("metrics", [])
        series = series_of(widget["properties"])
        assert len(series) == len(asked)
        for one, given in zip(series, asked, strict=True):
            options = given[-1]
            # A comma in a label that is not quoted makes a second option of the rest of it.
            assert set(options) <= {"label", "stat", "period", "yAxis"}, options
            assert one.label == options["label"]
            assert len(one.metric["Dimensions"]) == (len(given) - 3) // 2


def test_both_dashboards_are_drawn_from_what_is_stored(on_twin: Visitor) -> None:
    write_dashboards()
    shown = on_twin.read("/dashboards")
    assert "Patients scored" in shown
    assert "heart &lt;patients&gt;" in shown
    assert "alarm above 50" in shown
    assert "1 more without data." in shown
    assert re.search(r"heart version</dt><dd>7</dd>", shown)
    assert shown.count("<circle") == 2
    assert "Patients scored" in on_twin.read("/dashboards?of=operations&span=14d")
    for path in ("/dashboards?of=nosuch", "/dashboards?span=1y"):
        assert on_twin.client.get(path).status_code == 404


def test_who_may_not_read_the_dashboard_still_sees_the_alarms(
    on_stack: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetDashboard")

    monkeypatch.setattr(clients.cloudwatch(), "get_dashboard", refuse)
    shown = on_stack.read("/dashboards")
    assert "AWS refused GetDashboard" in shown
    assert "0 are watched" in shown


def test_many_metrics_are_asked_for_in_calls_that_cloudwatch_takes(
    on_stack: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [["clinrisk", f"M{number}", {"label": f"m{number}"}] for number in range(1100)]
    properties = {"title": "Many", "view": "timeSeries", "stat": "Sum", "period": 60, "metrics": names}
    body = json.dumps({"widgets": [{"type": "metric", "properties": properties}]})
    calls: list[int] = []

    class Pages:
        def paginate(self, **asked: Any) -> list[dict[str, Any]]:
            calls.append(len(asked["MetricDataQueries"]))
            at, ids = asked["EndTime"] - timedelta(minutes=1), asked["MetricDataQueries"]
            return [
                {"MetricDataResults": [{"Id": one["Id"], "Timestamps": [at], "Values": [1.0]}]} for one in ids
            ]

    cloudwatch = clients.cloudwatch()
    monkeypatch.setattr(cloudwatch, "get_dashboard", lambda **_: {"DashboardBody": body})
    monkeypatch.setattr(cloudwatch, "get_paginator", lambda _: Pages())
    shown = dashboard_pages.widgets_of(on_stack.site.stack, "clinical", "1h", NOW)
    assert calls == [500, 500, 100]
    assert len(shown[0].series) == dashboard_pages.AT_ONCE_SHOWN


def test_lines_and_limits_stay_inside_the_picture() -> None:
    points = tuple(
        (NOW - timedelta(minutes=minute), value) for minute, value in ((50, -3.0), (30, 1e6), (1, 0.0))
    )
    drawn = [MetricSeries("a & b", {}, "Sum", 60, points)]
    svg = time_series(drawn, [{"value": 2e6}], NOW - timedelta(hours=1), NOW, "A & B")
    tree = ET.fromstring(svg)  # noqa: S314 # our own picture, which has to be well-formed
    _, _, width, height = map(float, tree.attrib["viewBox"].split())
    for circle in tree.iter("circle"):
        assert 0 <= float(circle.attrib["cx"]) <= width
        assert 0 <= float(circle.attrib["cy"]) <= height
    [limit] = [one for one in tree.iter("path") if one.attrib["class"] == "limit"]
    assert 0 <= float(limit.attrib["d"].split()[1].split("H")[0]) <= height
