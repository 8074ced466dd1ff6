"""Write Card: an edition of a released model's card, whenever the release or monitoring gives new facts.

Every edition is kept: an edition is written once, under the next number, and only where what happened since
differs from what the newest one states. So a repeated call finds its own edition, and completes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.aws import ledger, s3
from clinrisk.aws.settings import settings
from clinrisk.core import object_keys
from clinrisk.core.release.card import card_document, editions
from clinrisk.core.timestamps import stamp
from clinrisk.errors import TransientError
from clinrisk.messages.message import Reference
from clinrisk.messages.release import WriteCardResult

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.messages.release import WriteCardRequest


def write(request: WriteCardRequest, now: datetime) -> WriteCardResult:
    """Return the newest edition, written now if there is something new; raises EvidenceChanged."""
    release = ledger.release_of(request.use_case, request.live_version)
    first, newest = _first(release), _newest(release)
    since: editions.Since = newest.get("since", {})
    if request.findings is not None:
        since = since | editions.monitored(s3.fetch_json(request.findings)["findings"])
    since = since | editions.release(release, ledger.approval_of(release)["accepted"])
    new = since != newest.get("since")
    if new:
        number = newest.get("edition", first["edition"]) + 1
        made = editions.edition(first, request.live_version, since, number, stamp(now))
        newest = _write(release, made)
    page = card_document.page(newest).encode()
    bucket, key = settings().results_bucket, _key(release, newest["edition"], "html")
    stored = s3.store(bucket, key, page, "text/html", once=True)
    return WriteCardResult(edition=newest["edition"], page=stored.uri, new=new)


def _key(release: dict[str, Any], number: int, form: str) -> str:
    return object_keys.card_edition(release["use_case"], release["run_id"], number, form)


def _first(release: dict[str, Any]) -> dict[str, Any]:
    """Read the card that was approved."""
    key = object_keys.model_card(release["use_case"], release["evaluation_name"])["model_card_hti1"]
    address = s3.uri_of(settings().results_bucket, key)
    card: dict[str, Any] = s3.fetch_json(Reference(uri=address, sha256=release["digests"]["model_card_hti1"]))
    return card


def _newest(release: dict[str, Any]) -> dict[str, Any]:
    """Read the newest later edition; empty while there is none."""
    bucket = settings().results_bucket
    folder = object_keys.card_editions(release["use_case"], release["run_id"])
    documents = [key for key in s3.keys_under(bucket, folder) if key.endswith(".json")]
    card: dict[str, Any] = s3.fetch_json_now(s3.uri_of(bucket, documents[-1])) if documents else {}
    return card


def _write(release: dict[str, Any], card: dict[str, Any]) -> dict[str, Any]:
    """Write an edition under its number, once; raises TransientError where another one has taken it."""
    key = _key(release, card["edition"], "json")
    stored = s3.store_json(settings().results_bucket, key, card, once=True)
    if s3.digest(stored.uri) != stored.sha256:
        raise TransientError(f"Another edition {card['edition']} was written at the same moment.")
    return card
