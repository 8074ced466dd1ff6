"""Errors as a workflow hands them on, told to people: the name, and the message where it is one of ours."""

from __future__ import annotations

import json

from clinrisk import errors

_LONGEST = 300


def told(name: str, cause: str) -> str:
    """Name an error in one line of plain ASCII.

    Our own messages hold nothing of a file (see `clinrisk.errors`); any other cause may quote what an engine
    saw, and is left out.

    >>> told("CountsDisagree", '{"errorMessage": "Chunk 3 of the file is missing."}')
    'CountsDisagree. Chunk 3 of the file is missing.'
    >>> told("Runtime.ExitError", '{"errorMessage": "63,typical angina"}')
    'Runtime.ExitError.'
    """
    words = f"{name}."
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, errors.ClinriskError):
        words += f" {_message(cause)}"
    return "".join(one if " " <= one <= "~" else "?" for one in words)[:_LONGEST].strip()


def _message(cause: str) -> str:
    """Give the message in a cause as Lambda writes it, or nothing."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return ""
