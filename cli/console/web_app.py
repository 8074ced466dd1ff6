"""The console as a web application: its pages, its templates' words, and what it answers when it cannot."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flask import Flask, render_template, request
from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from werkzeug.exceptions import HTTPException

from cli.command_errors import CliError, explain
from cli.console import gatekeeper
from cli.console.metric_charts import amount
from cli.console.pages import (
    batch_pages,
    dashboard_pages,
    execution_pages,
    finding_pages,
    inbox_pages,
    ledger_pages,
    mail_pages,
    model_pages,
    overview_page,
)
from cli.console.site import NAME, Trouble, log_fault, site
from cli.inbox_receipts import short_key
from cli.screen import FAIR, GOOD, duration, first_rows, moment

if TYPE_CHECKING:
    from cli.console.site import ConsoleSite

LARGEST_REQUEST = 2 * 2**30
PAGES = (
    ("overview.show", "Overview"),
    ("inbox.show", "Inbox"),
    ("batches.show", "Batches"),
    ("models.show", "Live models"),
    ("executions.show", "Executions"),
    ("findings.show", "Findings"),
    ("dashboards.show", "Dashboards"),
    ("ledger.show", "Ledger"),
    ("mailbox.show", "Mailbox"),
)
ON_TWIN_ONLY = {"mailbox.show"}
_ADDRESS = re.compile(r"https?://[^\s<>\"]+")


def create_app(shared: ConsoleSite) -> Flask:
    """Return the application for one stack or one twin."""
    app = Flask(NAME, root_path=__file__.rpartition("/")[0])
    app.extensions[NAME] = shared
    app.config["TRUSTED_HOSTS"] = gatekeeper.LOOPBACK
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST
    app.config["MAX_FORM_PARTS"] = 5000
    app.before_request(gatekeeper.admit)
    app.after_request(gatekeeper.protect)
    app.register_error_handler(Exception, _answer)
    own = FileSystemLoader(f"{app.root_path}/templates")
    app.jinja_options = {
        "autoescape": True,
        "undefined": StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
        "loader": ChoiceLoader(
            [own, *(PackageLoader(f"clinrisk.core.{one}.page") for one in ("release", "monitoring"))]
        ),
    }
    app.jinja_env.filters |= {
        "moment": moment,
        "duration": duration,
        "short_key": short_key,
        "first_rows": first_rows,
        "tone": tone,
        "amount": amount,
        "linked": linked,
    }
    app.jinja_env.tests["trouble"] = lambda value: isinstance(value, Trouble)
    app.context_processor(_shared_words)
    for blueprint in (
        overview_page.blueprint,
        inbox_pages.blueprint,
        batch_pages.blueprint,
        model_pages.blueprint,
        execution_pages.blueprint,
        finding_pages.blueprint,
        dashboard_pages.blueprint,
        ledger_pages.blueprint,
        mail_pages.blueprint,
    ):
        app.register_blueprint(blueprint)
    app.add_url_rule("/console.css", "style", _style)
    return app


def tone(word: object) -> str:
    """Return how good a word is, as its colour: good, fair or bad.

    >>> tone("ACCEPTED"), tone("HELD"), tone("FAILED")
    ('good', 'fair', 'bad')
    """
    return "good" if str(word) in GOOD else "fair" if str(word) in FAIR else "bad"


def linked(text: str) -> Markup:
    """Return a text escaped, its addresses as links that say nothing of where they are on.

    >>> str(linked("<now> http://127.0.0.1/?b=1"))
    '&lt;now&gt; <a href="http://127.0.0.1/?b=1" rel="noopener noreferrer">http://127.0.0.1/?b=1</a>'
    """
    parts, end = [], 0
    for found in _ADDRESS.finditer(text):
        address = escape(found[0])
        parts += [
            escape(text[end : found.start()]),
            Markup('<a href="{0}" rel="noopener noreferrer">{0}</a>').format(address),
        ]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def _shared_words() -> dict[str, Any]:
    """Return what every template may use."""
    here = site()
    pages = [(page, title) for page, title in PAGES if here.twin or page not in ON_TWIN_ONLY]
    return {"site": here, "pages": pages, "token": here.form_token}


def _style() -> tuple[str, dict[str, str]]:
    """Return the house style of all our pages, with what only the console needs."""
    return render_template("console.css.j2"), {"Content-Type": "text/css; charset=utf-8"}


def _answer(error: Exception) -> tuple[str, int]:
    """Return the page that says in words what went wrong; the log names the fault and no value."""
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, BotoCoreError | ClientError):
        error = explain(error)
    if isinstance(error, CliError):
        return _trouble(Trouble(str(error), error.remedy), 502 if error.exit_code > 1 else 404)
    if isinstance(error, HTTPException):
        known = error.code or 500
        remedy = "Go back to the overview." if known == 404 else "Nothing was changed."
        if known in {400, 403}:
            return f"{error.description}\n", known
        return _trouble(Trouble(str(error.description), remedy), known)
    log_fault(f"the page {request.endpoint}", error)
    return _trouble(
        Trouble(
            "This page has a fault of its own.", "The other pages work. Please report it with its address."
        ),
        500,
    )


def _trouble(found: Trouble, status: int) -> tuple[str, int]:
    return render_template("trouble.html", trouble=found), status
