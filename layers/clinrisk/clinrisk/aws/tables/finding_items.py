"""The Findings table: what monitoring remembers of each finding, what it proposed and when it mailed last.

    USE_CASE#<use_case>   FINDING#<finding_id>   a `KnownFinding`, changed a version at a time
    USE_CASE#<use_case>   PROPOSAL               the last `Proposal` of a training
    USE_CASE#<use_case>   MAIL                   the `LastMail` of a run
    USE_CASE#<use_case>   JUDGED                 what the checks judged last, a `LastJudged`

Each change of a finding is in the ledger, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr

from clinrisk.aws import dynamodb
from clinrisk.aws.settings import settings
from clinrisk.messages.monitoring import KnownFinding, LastJudged, LastMail, Proposal

if TYPE_CHECKING:
    from clinrisk.aws.dynamodb import Item

_FINDING, _PROPOSAL, _MAIL, _JUDGED = "FINDING#", "PROPOSAL", "MAIL", "JUDGED"
_KEYS = {"pk", "sk"}


def _partition(use_case: str) -> str:
    return f"USE_CASE#{use_case}"


def of_use_case(use_case: str) -> list[KnownFinding]:
    """Return all findings of a use case, whatever their state."""
    items = dynamodb.query(settings().findings_table, _partition(use_case), sort_prefix=_FINDING)
    return [KnownFinding.model_validate(_facts(item)) for item in items]


def find(use_case: str, finding_id: str) -> KnownFinding | None:
    """Return one finding as it is now, or None."""
    key = (_partition(use_case), f"{_FINDING}{finding_id}")
    item = dynamodb.read(settings().findings_table, key)
    return None if item is None else KnownFinding.model_validate(_facts(item))


def store(after: KnownFinding) -> bool:
    """Store a finding unless somebody has changed it since it was read; return whether it was stored."""
    key = (_partition(after.use_case), f"{_FINDING}{after.finding_id}")
    return _store(key, after.model_dump(mode="json"), after.version)


def proposal(use_case: str) -> Proposal | None:
    """Return the last training that monitoring proposed, or None."""
    item = dynamodb.read(settings().findings_table, (_partition(use_case), _PROPOSAL))
    return None if item is None else Proposal.model_validate(_facts(item))


def store_proposal(use_case: str, after: Proposal) -> bool:
    """Store a proposal unless another run was faster; return whether it was stored."""
    return _store((_partition(use_case), _PROPOSAL), after.model_dump(mode="json"), after.version)


def last_mail(use_case: str) -> LastMail | None:
    """Return when a run last mailed about findings, or None."""
    item = dynamodb.read(settings().findings_table, (_partition(use_case), _MAIL))
    return None if item is None else LastMail.model_validate(_facts(item))


def store_mail(use_case: str, after: LastMail) -> bool:
    """Store that a run mails now unless another run was faster; return whether it was stored."""
    return _store((_partition(use_case), _MAIL), after.model_dump(mode="json"), after.version)


def last_judged(use_case: str) -> LastJudged | None:
    """Return what the checks of a use case judged last, or None before the first run."""
    item = dynamodb.read(settings().findings_table, (_partition(use_case), _JUDGED))
    return None if item is None else LastJudged.model_validate(_facts(item))


def store_judged(use_case: str, after: LastJudged) -> bool:
    """Store what was judged now unless another run was faster; return whether it was stored."""
    return _store((_partition(use_case), _JUDGED), after.model_dump(mode="json"), after.version)


def _store(key: dynamodb.ItemKey, facts: Item, version: int) -> bool:
    unchanged = Attr("version").eq(version - 1) if version > 1 else Attr("pk").not_exists()
    return dynamodb.write(settings().findings_table, dynamodb.key_of(key) | facts, condition=unchanged)


def _facts(item: Item) -> Item:
    found: Item = dynamodb.native({name: value for name, value in item.items() if name not in _KEYS})
    return found
