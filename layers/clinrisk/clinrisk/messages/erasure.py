"""Messages of erasures: who asks for what about which file of ids, and how far it has come."""

from typing import Annotated, Literal

from pydantic import Field

from clinrisk.messages.message import Count, Message, Name, Request

RequestId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Stage = Literal["searching", "found", "erasing", "proving", "erased", "refused", "held", "released", "listed"]


class UploadErasure(Message):
    """That patients were erased from an upload's rows: when, how many, and by which request."""

    request_id: RequestId
    rows: Count
    erased_at: str


class ErasePatientsRequest(Request):
    """Ask for the next steps about the ids that lie under a request, or about a hold."""

    action: Literal["search", "erase", "hold", "release", "list_holds"]
    use_case: Name
    request_id: RequestId
    """That of the ids; of a hold, the hold's."""
    person: Annotated[str, Field(min_length=1, max_length=2048)]
    """Who asks, as AWS knows that identity."""
    reason: Annotated[str, Field(max_length=500)] = ""
    """Of a hold or of its end; it names no patient."""
    seconds: Annotated[int, Field(ge=0, le=240)] = 60
    """For about so long it works before it answers how far it has come."""


class LocationCount(Message):
    """What was found, or erased, where."""

    name: str
    objects: Count
    rows: Count


class HoldFacts(Message):
    """A legal hold: its patients are counted, never named."""

    hold_id: RequestId
    patients: Count
    person: str
    reason: str
    placed_at: str
    released_at: str = ""


class ErasePatientsResult(Message):
    """How far it has come; `refused` says in words why nothing is done."""

    stage: Stage
    refused: str = ""
    patients: Count = 0
    locations: tuple[LocationCount, ...] = ()
    objects: Count = 0
    """Objects that were searched, in all their versions."""
    read_bytes: Count = 0
    left: Count = 0
    """Objects that are still to be erased."""
    learned_by: tuple[str, ...] = ()
    """The evaluations whose models learned from one of the patients: they are kept."""
    erased_at: str = ""
    entry: str = ""
    """The address of the ledger's entry."""
    holds: tuple[HoldFacts, ...] = ()
