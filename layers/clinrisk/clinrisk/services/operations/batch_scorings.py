"""Batch Scorings: which batches are scored, how their scorings ended, and which results nobody was mailed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from clinrisk.aws import s3, stepfunctions
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import stops
from clinrisk.core import object_keys
from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.core.operations import stuck_batches, stuck_work
from clinrisk.core.scoring import batch_mails
from clinrisk.services.operations import single_mails

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from clinrisk.messages.ingest import Settlement
    from clinrisk.messages.operations import Stuck

_MOST_EXECUTIONS = 10_000
_UPLOAD = re.compile(r"-([0-9a-f]{20})(?=-|$)")
# S3 states whole seconds.
_A_SECOND = timedelta(seconds=1)
_LONGEST_CALL = timedelta(minutes=15)


@dataclass(frozen=True)
class Scorings:
    """The scorings that Step Functions remembers, by upload id."""

    running: frozenset[str]
    """Batches that are being scored."""
    ended: Mapping[str, list[Any]]
    """Executions that ended badly, as Step Functions lists them, the newest first."""

    @property
    def ended_at(self) -> dict[str, datetime]:
        """When the last one of each batch ended."""
        return {upload: _stopped(found[0]) for upload, found in self.ended.items()}

    def explained(self, one: Stuck) -> Stuck:
        """Return a batch without results with how its last scorings ended."""
        ends = [stepfunctions.end_of(end["executionArn"]) for end in self.ended.get(one.subject, [])[:2]]
        return stuck_batches.explained(one, ends)

    def unannounced(self, scored: Iterable[Settlement], published: Mapping[str, datetime]) -> list[Stuck]:
        """Return the batches whose results were published by an execution that ended before it could mail.

        `published`: when the results of each batch were complete.
        """
        found = []
        for batch, end in islice(self._ended_publishers(scored, published), stuck_work.LISTED):
            sidecar, address = _sidecar(batch)
            publisher = sidecar.get("execution", "")
            if publisher in {"", end["name"]} and not stops.noted(address, sidecar["scored_at"]):
                states = stepfunctions.left_states(end["executionArn"])
                found.append(stuck_batches.unannounced(batch, _stopped(end), states, publisher))
        return [one for one in found if one]

    def _ended_publishers(
        self, scored: Iterable[Settlement], published: Mapping[str, datetime]
    ) -> Iterator[tuple[Settlement, Any]]:
        """Yield the batches whose results may be of an execution that ended badly.

        A function that publishes goes on when its execution is stopped.
        """
        for batch in scored:
            written = published[batch.upload_id]
            for end in self.ended.get(batch.upload_id, []):
                if end["startDate"] - _A_SECOND <= written <= _stopped(end) + _LONGEST_CALL:
                    yield batch, end


def remembered() -> Scorings:
    """Return the scorings of every use case."""
    machine = settings().scoring_state_machine
    running = stepfunctions.listed(machine, "RUNNING", _MOST_EXECUTIONS)
    ended: dict[str, list[Any]] = {}
    for status in stepfunctions.BAD_ENDS:
        for one in stepfunctions.listed(machine, status, _MOST_EXECUTIONS):
            ended.setdefault(_batch_of(one), []).append(one)
    for found in ended.values():
        found.sort(key=lambda one: one["startDate"], reverse=True)
    return Scorings(frozenset(map(_batch_of, running)), ended)


def announce(batch: Settlement) -> str:
    """Mail, once, that the results of a batch are there, and return where they lie."""
    sidecar, address = _sidecar(batch)
    mail = batch_mails.batch_scored(sidecar, address)
    single_mails.send(address, sidecar["scored_at"], mail, "data_manager")
    return str(sidecar["results"]["uri"])


def _sidecar(batch: Settlement) -> tuple[Any, str]:
    key = object_keys.sidecar(batch.use_case, parse_key(batch.key).stem, batch.upload_id)
    address = s3.uri_of(settings().results_bucket, key)
    return s3.fetch_json_now(address), address


def _batch_of(execution: Any) -> str:
    """Return the upload that a scoring execution is named after."""
    found = _UPLOAD.search(execution["name"])
    return found[1] if found else ""


def _stopped(execution: Any) -> datetime:
    stopped: datetime = execution.get("stopDate", execution["startDate"])
    return stopped
