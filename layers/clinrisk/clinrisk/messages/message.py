"""What every message shares: frozen, unknown fields refused, input never echoed in an error."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
S3Uri = Annotated[str, Field(pattern=r"^s3://[^/]+/.+$")]
Count = Annotated[int, Field(ge=0)]
RunId = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,40}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class Message(BaseModel):
    """A value that travels between two states: immutable, exact, silent about its input when it is wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Request(Message):
    """What a Lambda is asked; `execution` names the workflow run, and is the logs' correlation id."""

    execution: str | None = None


class Reference(Message):
    """An object by address and digest: what is read there must hash to `sha256`.

    >>> Reference(uri="s3://lake/profiles/heart/1.json", sha256="0" * 64).uri
    's3://lake/profiles/heart/1.json'
    """

    uri: S3Uri
    sha256: Sha256


class Failure(Message):
    """The name and cause of an error as Step Functions hands them to a Catch."""

    name: str = Field(alias="Error")
    # The cause may quote anything an engine saw: it is accepted, and never repeated to anyone.
    cause: str = Field(default="", alias="Cause", repr=False)
