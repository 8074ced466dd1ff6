"""Who may use the console: only a browser on this machine that came with the key that the terminal printed.

| what could go wrong | what keeps it out |
| --- | --- |
| another machine | the server listens on loopback alone |
| a web site whose name resolves to this machine | only loopback names are taken as Host (`TRUSTED_HOSTS`) |
| another person on this machine | the key, then a cookie that no script can read |
| a form on another web site | the Origin, a token in each form, a cookie that forms elsewhere do not send |
| markup in a file's name, a mail or a finding | templates escape, and no script but ours may run |
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from flask import Response, abort, redirect, request
from werkzeug.exceptions import SecurityError

from cli.console.site import site

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

LOOPBACK = ["127.0.0.1", "localhost", "[::1]"]
KEY = "key"
TOKEN = "token"  # noqa: S105 # the name of a form's field
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
DOCUMENT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
)
"""For a report, a card or a model's page: made by a job, so it gets neither script nor network."""


def admit() -> BaseResponse | None:
    """Let a request pass, or answer it: refused, or sent on with a cookie in place of the key."""
    if isinstance(request.routing_exception, SecurityError):  # another name for this machine
        raise request.routing_exception
    given = request.args.get(KEY)
    if given is not None and request.method == "GET" and _same(given, site().secret):
        response = redirect(request.path)
        response.set_cookie(_cookie(), site().secret, httponly=True, samesite="Lax")
        return response
    if not _same(request.cookies.get(_cookie(), ""), site().secret):
        abort(403, "Open the console by the address that the terminal printed: it ends with a key.")
    if request.method not in {"GET", "HEAD"}:
        _admit_change()
    return None


def _admit_change() -> None:
    if site().twin is None:
        abort(403, "On a stack the console only reads. The page shows the command that does it.")
    if request.headers.get("Origin") != request.host_url.rstrip("/"):
        abort(403, "This form was sent from another site.")
    if not _same(request.form.get(TOKEN, ""), site().form_token):
        abort(403, "This form is from an earlier console: open its page again.")


def _cookie() -> str:
    """Return the cookie's name: cookies do not know ports, and two consoles may run."""
    return f"clinrisk-console-{request.host.rpartition(':')[2]}"


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def protect(response: Response) -> Response:
    """Add the headers that keep other sites and other scripts out; a document has its own policy."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
