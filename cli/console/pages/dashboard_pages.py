"""Both dashboards as the template defines them, drawn from the stored metrics, and the alarms."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request

from cli import executions
from cli.alarms.alarm_commands import alarms_of
from cli.console import metric_charts
from cli.console.site import attempt, site

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from markupsafe import Markup

    from cli.console.metric_charts import MetricSeries
    from cli.stack import Stack

blueprint = Blueprint("dashboards", __name__)
DASHBOARDS = {"clinical": "ClinicalDashboard", "operations": "OperationsDashboard"}
SPANS = {"1h": (timedelta(hours=1), 60), "1d": (timedelta(days=1), 300), "14d": (timedelta(days=14), 3600)}
"""What may be looked back on, with the shortest period that is drawn."""
PER_CALL = 500
AT_ONCE_SHOWN = 12
"""So many lines are drawn in one picture at most: those with the largest newest values."""


@dataclass(frozen=True)
class Widget:
    """One widget, ready to be shown."""

    title: str
    kind: str
    """alarm, singleValue or timeSeries."""
    series: tuple[MetricSeries, ...] = ()
    without: int = 0
    """How many of its metrics have nothing stored in this span."""
    picture: Markup | str = ""
    limits: tuple[str, ...] = ()


@blueprint.get("/dashboards")
def show() -> str:
    """Show one dashboard over a span of time, and every alarm."""
    name = request.args.get("of", "clinical")
    span = request.args.get("span", "1h" if site().twin else "1d")
    if name not in DASHBOARDS or span not in SPANS:
        abort(404, "There is no such dashboard.")
    now = executions.now()
    return render_template(
        "dashboards.html",
        name=name,
        names=list(DASHBOARDS),
        span=span,
        spans=list(SPANS),
        now=now,
        widgets=attempt(lambda: widgets_of(site().stack, name, span, now)),
        alarms=attempt(lambda: alarms_of(site().stack.name)),
    )


def widgets_of(stack: Stack, name: str, span: str, now: datetime) -> list[Widget]:
    """Return the metric widgets of a dashboard as it is deployed, with what was stored in a span."""
    from clinrisk.aws import clients

    answer = clients.cloudwatch().get_dashboard(DashboardName=stack.output(DASHBOARDS[name]))
    bodies = json.loads(answer["DashboardBody"])["widgets"]
    length, shortest = SPANS[span]
    start = now - length
    asked = [
        replace(one, period=shortest)
        for body in bodies
        for one in metric_charts.series_of(body["properties"])
    ]
    stored = iter(_stored(asked, start, now))
    return [
        _widget(body, [next(stored) for _ in body["properties"].get("metrics", ())], start, now)
        for body in bodies
        if body["type"] == "metric"
    ]


def _stored(asked: list[MetricSeries], start: datetime, end: datetime) -> Iterator[MetricSeries]:
    """Yield the metrics with what is stored of them, in as few calls as CloudWatch allows."""
    from clinrisk.aws import clients

    for first in range(0, len(asked), PER_CALL):
        part = asked[first : first + PER_CALL]
        queries = [
            {"Id": f"m{number}", "MetricStat": {"Metric": one.metric, "Period": one.period, "Stat": one.stat}}
            for number, one in enumerate(part)
        ]
        found: dict[str, list[tuple[datetime, float]]] = {}
        pages = (
            clients.cloudwatch()
            .get_paginator("get_metric_data")
            .paginate(MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending")
        )
        for page in pages:
            for one in page["MetricDataResults"]:
                found.setdefault(one["Id"], []).extend(zip(one["Timestamps"], one["Values"], strict=True))
        for number, series in enumerate(part):
            points = sorted((at.astimezone(UTC), value) for at, value in found.get(f"m{number}", ()))
            yield replace(series, points=tuple(one for one in points if one[0] >= start))


def _widget(body: Mapping[str, Any], series: list[MetricSeries], start: datetime, end: datetime) -> Widget:
    properties = body["properties"]
    filled = [one for one in series if one.points]
    shown = sorted(filled, key=lambda one: one.newest or 0.0, reverse=True)[:AT_ONCE_SHOWN]
    drawn = tuple(one for one in filled if one in shown)
    limits = properties.get("annotations", {}).get("horizontal", [])
    description = f"{properties['title']}: " + ", ".join(
        f"{one.label} {metric_charts.amount(one.newest or 0.0)}" for one in drawn
    )
    picture: Markup | str = ""
    if drawn and properties.get("view") != "singleValue":
        picture = metric_charts.time_series(drawn, limits, start, end, description)
    return Widget(
        title=properties["title"],
        kind=properties.get("view", "timeSeries"),
        series=drawn,
        without=len(series) - len(filled),
        picture=picture,
        limits=tuple(
            f"{one.get('label', 'limit')} {metric_charts.amount(float(one['value']))}" for one in limits
        ),
    )
