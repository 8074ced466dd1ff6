"""Write Card: an edition of a released model's card, whenever the release or monitoring gives new facts.

Every edition is kept: an edition is written once, under the next number, and only where what happened since
differs from what the newest one states. So a repeated call finds its own edition, and completes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
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
    """Return the newest edition, written now if there is something new; raises EvidenceChanged.

    The card of the version that was live before then states that it is so no longer.
    """
    if use_cases.get(request.use_case).external is not None:
        return WriteCardResult(edition=0, new=False)  # the card of a vendor's model is the vendor's
    findings = s3.fetch_json(request.findings)["findings"] if request.findings else None
    release = ledger.release_of(request.use_case, request.live_version)
    written = _complete(release, editions.monitored(findings) if findings is not None else {}, now)
    if release["previous_version"]:
        before = ledger.release_of(request.use_case, release["previous_version"])
        # One run may be live again under another number: then its card states that already.
        if before["run_id"] != release["run_id"]:
            _complete(before, {}, now, ended=editions.ended(release))
    return written


def _complete(
    release: dict[str, Any], found: editions.Since, now: datetime, ended: str = ""
) -> WriteCardResult:
    """Write the next edition of a release's card, where it has something new, and its page."""
    first, newest = _first(release), _newest(release)
    since: editions.Since = newest.get("since", {}) | found
    since = since | editions.release(release, ledger.approval_of(release)["accepted"], ended)
    new = since != newest.get("since")
    if new:
        number = newest.get("edition", first["edition"]) + 1
        made = editions.edition(first, release["live_version"], since, number, stamp(now))
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
