"""A program that has an approver's link: it opens everything, fills every form in and sends it.

It decides nothing, and what it did is in the ledger. `SCRIPTED_REQUESTS=10000` runs it longer.
"""

from __future__ import annotations

import os
from collections import Counter
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from clinrisk.aws.tables import approvals, approvers
from clinrisk.core.release.one_time_codes import MOST_WRONG
from tests.integration.approval_request import RequestedApproval
from tests.integration.trained_candidate import WaitingExecution

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

REQUESTS = int(os.environ.get("SCRIPTED_REQUESTS", "60"))


class FilledForm(HTMLParser):
    """A page's form, filled in by nothing but its own constraints, and the links on the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name, kind = given.get("name", ""), given.get("type", tag)
        if tag == "a" and given["href"].startswith("?"):
            self.links.append(given["href"][1:])
        elif kind == "radio" and "disabled" not in given:
            self.fields.setdefault(name, given["value"])
        elif kind in {"hidden", "checkbox"} and name:
            self.fields[name] = given["value"]
        elif kind == "textarea":
            self.fields[name] = "x" * int(given["minlength"])
        elif name == "code":
            self.fields[name] = "1" * int(given["maxlength"])
        elif kind == "text":
            self.fields[name] = "1"


def test_a_program_that_sends_every_form_decides_nothing(stack: Stack) -> None:
    asked = RequestedApproval(stack, WaitingExecution(stack).token)
    answered: Counter[tuple[str, int]] = Counter()

    def send(method: str, query: str | None = None, form: dict[str, str] | None = None) -> Any:
        answer = asked.open(method, query, form)
        answered[method, answer["statusCode"]] += 1
        return answer["body"]

    for _ in range(REQUESTS // 5):
        page = FilledForm(send("GET"))
        send("HEAD")
        send("POST", form=page.fields)
        for link in page.links:
            send("GET", urlsplit(link).path)
    assert set(page.fields) >= {"decision", "version", "reason", "code", "shown", "nonce"}
    assert len(page.links) == 2
    assert set(answered) == {("GET", 200), ("HEAD", 200), ("POST", 422)}
    assert approvals.find(asked.approval_id).status == approvals.PENDING
    assert approvers.find(asked.phone.approver_id).wrong_codes == MOST_WRONG
    written = Counter(one["event"] for one in stack.ledger())
    assert written == {"asked": 1, "page opened": 1, "wrong code": MOST_WRONG, "approver locked": 1}
