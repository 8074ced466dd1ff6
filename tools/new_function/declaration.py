"""What is decided about a function before it is written: its name, what it is asked, what it may do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clinrisk import use_cases

CAPABILITIES = ("ingest", "training", "release", "scoring", "monitoring", "operations")
LAYERS = ("Frames", "Numeric")
# Types of clinrisk.messages.message that a request may have, each with a value for the example event.
EXAMPLES: dict[str, object] = {
    "Name": use_cases.names()[0],
    "RunId": f"{use_cases.names()[0]}-0123456789",
    "Count": 1,
    "S3Uri": "s3://clinrisk-lake/example/",
    "Sha256": "0" * 64,
}
_RIGHT = re.compile(
    r"(?P<sid>[A-Z][A-Za-z]+): (?P<actions>[a-z0-9]+:[A-Za-z]+(?:, [a-z0-9]+:[A-Za-z]+)*)"
    r" on (?P<resource>[A-Z][A-Za-z]+)(?:/(?P<path>[^\s\"]+))?"
)


class NotPossibleError(Exception):
    """The function cannot be made as asked; the message says why."""


@dataclass(frozen=True)
class Right:
    """One statement of the function's policy: a sentence, the actions, and a resource of the template."""

    sid: str
    actions: tuple[str, ...]
    resource: str
    path: str | None
    """What of a bucket: "profiles/*"."""

    @classmethod
    def parse(cls, text: str) -> Right:
        """Read a right; raises NotPossibleError.

        >>> Right.parse("ReadTheProfiles: s3:GetObject on LakeBucket/profiles/*").path
        'profiles/*'
        """
        found = _RIGHT.fullmatch(text.strip())
        if found is None:
            raise NotPossibleError(
                f"{text!r} is no right. Write one as: ReadTheProfiles: s3:GetObject on LakeBucket/profiles/*"
            )
        return cls(found["sid"], tuple(found["actions"].split(", ")), found["resource"], found["path"])

    def __str__(self) -> str:
        """Return the right as a handler's docstring states it."""
        return f"{', '.join(self.actions)} on {self.resource}{f' ({self.path})' if self.path else ''}"


@dataclass(frozen=True)
class NewFunction:
    """A function that is to be made; raises NotPossibleError for one that could not be deployed."""

    name: str
    capability: str
    summary: str
    """What it does, as one sentence without its full stop: "Measures how long batches wait"."""
    asks: tuple[str, ...] = ()
    """What it is asked besides the use case: "run_id: RunId"."""
    environment: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    rights: tuple[Right, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could not be deployed."""
        if not re.fullmatch(r"[a-z]+(_[a-z]+)+", self.name):
            raise NotPossibleError("A function's name is a verb and its object: measure_wait.")
        if self.capability not in CAPABILITIES:
            raise NotPossibleError(f"A capability is one of {', '.join(CAPABILITIES)}.")
        if not re.fullmatch(r'[A-Z][^"\\\n]{0,78}', self.summary):
            raise NotPossibleError("A summary is one sentence below 80 characters, without quotation marks.")
        for name, kind in self.fields.items():
            if not re.fullmatch(r"[a-z_]+", name) or kind not in EXAMPLES:
                raise NotPossibleError(f"A request asks for a name and one of {', '.join(EXAMPLES)}.")

    @property
    def fields(self) -> dict[str, str]:
        """Return what the request holds, by name, with its type."""
        split = (each.partition(": ") for each in ("use_case: Name", *self.asks))
        return {name: kind for name, _, kind in split}

    @property
    def id(self) -> str:
        """Return the name as logical ids and messages begin: MeasureWait."""
        return "".join(word.capitalize() for word in self.name.split("_"))

    @property
    def words(self) -> str:
        """Return the name as its state is called: Measure Wait."""
        return self.name.replace("_", " ").title()
