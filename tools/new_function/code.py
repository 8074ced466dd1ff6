"""The Python files of a new function: handler, service, messages and test, with an event that is answered."""

from __future__ import annotations

import json
import re

from tools.new_function.declaration import EXAMPLES, NewFunction, NotPossibleError


def files(function: NewFunction) -> dict[str, str]:
    """Return the new files by their path in the project."""
    capability, name = function.capability, function.name
    values = {
        "name": name,
        "capability": capability,
        "id": function.id,
        "words": function.words,
        "verb": name.partition("_")[0],
        "summary": function.summary[0].lower() + function.summary[1:],
        "calls": "; ".join(map(str, function.rights)) or "none of its own",
        "environment": ", ".join(function.environment) or "none of its own",
        "layers": f" Layers: {', '.join(('Clinrisk', *function.layers))}." if function.layers else "",
    }
    event = {field: EXAMPLES[kind] for field, kind in function.fields.items()}
    return {
        f"functions/{capability}/{name}/app.py": _HANDLER.format(**values),
        f"layers/clinrisk/clinrisk/services/{capability}/{name}.py": _SERVICE.format(**values),
        f"events/{name}.example.json": json.dumps(event, indent=2) + "\n",
        f"tests/integration/{capability}/test_{name}.py": _TEST.format(**values),
    }


def with_messages(text: str, function: NewFunction) -> str:
    """Return a capability's messages with the function's two at the end."""
    first = re.search(r"^(?=from|import)", text, re.MULTILINE)
    if first is None:
        raise NotPossibleError("The capability's messages import nothing: nobody knows where they begin.")
    kinds = ", ".join(sorted({"Message", "Name", "Request", *function.fields.values()}))
    fields = "".join(f"    {name}: {kind}\n" for name, kind in function.fields.items())
    own = _MESSAGES.format(id=function.id, words=function.words, fields=fields)
    head, body = text[: first.start()], text[first.start() :]
    return f"{head}from clinrisk.messages.message import {kinds}\n{body.rstrip()}\n{own}"


_HANDLER = '''\
"""{words}: {summary}.

AWS calls: {calls}.
Environment: {environment}.{layers}
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.{capability} import {id}Request, {id}Result
from clinrisk.services.{capability} import {name}


@step({id}Request)
def handler(request: {id}Request) -> {id}Result:
    """Return what {words} found."""
    return {name}.{verb}(request)
'''

_SERVICE = '''\
"""{words}: {summary}."""

from __future__ import annotations

from clinrisk import use_cases
from clinrisk.messages.{capability} import {id}Request, {id}Result


def {verb}(request: {id}Request) -> {id}Result:
    """Return the use case that was asked about; raises UnknownUseCase."""
    return {id}Result(use_case=use_cases.get(request.use_case).name)
'''

_MESSAGES = '''

class {id}Request(Request):
    """What {words} is asked."""

{fields}

class {id}Result(Message):
    """What {words} found."""

    use_case: Name
'''

_TEST = '''\
"""{words}: {summary}."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.events import events_of, read_event

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


@pytest.mark.parametrize("name", events_of("{name}"))
def test_an_example_event_is_answered(stack: Stack, name: str) -> None:
    event = read_event(name)
    assert stack.call("{name}", event) == {{"use_case": event["use_case"]}}
'''
