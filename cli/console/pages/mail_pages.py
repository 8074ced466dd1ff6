"""The mailbox of the twin: what its topics have sent, newest first, with the links that the mails carry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request

from cli.console.site import site

if TYPE_CHECKING:
    from pathlib import Path

blueprint = Blueprint("mailbox", __name__)
PAGE = 25


@blueprint.get("/mailbox")
def show() -> str:
    """Show the newest mails, of one address or of all."""
    twin = site().twin
    if twin is None:
        abort(404, "A stack on AWS sends its mail to people; only the twin keeps it here.")
    boxes = _boxes(twin / "mail")
    wanted, page = request.args.get("to", ""), request.args.get("page", 1, type=int)
    mails = sorted(
        (one for name, files in boxes.items() if wanted in {"", name} for one in files),
        key=lambda one: str(one["at"]),
        reverse=True,
    )
    first = max(0, page - 1) * PAGE
    return render_template(
        "mailbox.html",
        mails=mails[first : first + PAGE],
        addresses=sorted(boxes),
        wanted=wanted,
        page=page,
        more=len(mails) > first + PAGE,
    )


def _boxes(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the mails by the address that they went to."""
    boxes: dict[str, list[dict[str, Any]]] = {}
    for file in folder.glob("*/*.json"):
        mail = json.loads(file.read_text(encoding="utf-8"))
        boxes.setdefault(str(mail["to"]), []).append(mail)
    return boxes
