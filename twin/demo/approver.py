"""The approver's part: enrol once; then find the mailed link, read the page behind it, answer with a code."""

import http.client
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urlsplit

from pyotp import TOTP

from twin.demo.clinrisk_process import DemoError

LINK = re.compile(r"https?://\S+/approvals/\S+")
INVITATION = re.compile(r"https?://\S+/approvers/\S+")
_KEY = re.compile(r"secret=([A-Z2-7]+)")
REASON = "Demo: I read the evidence; discrimination and calibration are as expected for these data."
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class ApprovalForm:
    """What a page asks for: its fields with what they hold already, and the title above them."""

    title: str
    fields: Mapping[str, str]


@dataclass
class _Reader(HTMLParser):
    title: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    _in_title: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_title = self._in_title or tag == "h1"
        if tag in {"input", "textarea"} and given.get("name"):
            # What is carried along, and the boxes to tick: what a group is too small to show is accepted.
            kept = given.get("value", "") if given.get("type") in {"hidden", "checkbox"} else ""
            self.fields.setdefault(given["name"], kept)

    def handle_endtag(self, tag: str) -> None:
        self._in_title = self._in_title and tag != "h1"

    def handle_data(self, data: str) -> None:
        self.title += data if self._in_title else ""


def link_in(mails: Iterable[Mapping[str, Any]], run_id: str) -> str | None:
    """Return the link about one training run out of a mailbox, or None while no mail has it."""
    about = (str(mail["body"]) for mail in mails if run_id in str(mail["body"]))
    found = (LINK.search(body) for body in about)
    return next((match.group() for match in found if match), None)


def invitation_in(mails: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the newest invitation out of a mailbox, or None while there is none."""
    found = [match.group() for mail in mails for match in INVITATION.finditer(str(mail["body"]))]
    return found[-1] if found else None


def enrol(link: str) -> str:
    """Open an invitation, take the key that its page shows into an app, confirm it, and return the key."""
    form = dict(read_form(_exchange("GET", link)).fields)
    key = _KEY.search(_exchange("POST", link, urlencode(form)))
    if key is None:
        raise DemoError("The page of the invitation shows no key: nobody is enrolled.")
    # The code of the half minute before is taken, too; so the present one is left for the first decision.
    code = TOTP(key[1]).at(datetime.now(UTC) - timedelta(seconds=30))
    confirmed = _exchange("POST", link, urlencode(form | {"code": code}))
    if "You are enrolled" not in confirmed:
        raise DemoError(f"The enrolment was not confirmed: {_text_of(confirmed)}")
    return key[1]


def approve(link: str, code: str) -> None:
    """Open the link, read the page, type the version that it shows, a reason and a code, and send it."""
    form = read_form(_exchange("GET", link))
    version = re.search(r"[Vv]ersion (\d+)", form.title)
    if version is None or "version" not in form.fields:
        raise DemoError("The approval page does not ask for a version: nothing was decided.")
    answer = dict(form.fields) | {
        "decision": "approve",
        "version": version.group(1),
        "reason": REASON,
        "code": code,
    }
    _exchange("POST", link, urlencode(answer))


def read_form(page: str) -> ApprovalForm:
    """Read a page's form.

    >>> read_form('<h1>Version 3?</h1><input type="hidden" name="nonce" value="n"><textarea name="reason">')
    ApprovalForm(title='Version 3?', fields={'nonce': 'n', 'reason': ''})
    """
    reader = _Reader()
    reader.feed(page)
    return ApprovalForm(" ".join(reader.title.split()), reader.fields)


def _exchange(method: str, link: str, body: str | None = None) -> str:
    """Send one request as a browser would: every name under .localhost is this machine."""
    there = urlsplit(link)
    host = there.hostname or ""
    address = "127.0.0.1" if host.endswith("localhost") else host
    secure = there.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect(address, there.port or (443 if secure else 80), timeout=TIMEOUT_SECONDS)
    headers = {"Host": there.netloc} | ({"Content-Type": "application/x-www-form-urlencoded"} if body else {})
    try:
        connection.request(method, f"{there.path}?{there.query}", body=body, headers=headers)
        answer = connection.getresponse()
        page = answer.read().decode()
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise DemoError(f"The approval page answered {method} with {answer.status}: {_text_of(page)}")
    return page


def _text_of(page: str) -> str:
    return " ".join(re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL).split())[:300]
