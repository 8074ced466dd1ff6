"""DynamoDB's operations one after the other: none sees another half done.

The engine answers requests on its event loop, and runs the tasks of state machines and the end of expired
items on threads of their own, all on the same dictionaries.
"""

import threading
from typing import Any

from ministack.services import dynamodb  # noqa: F401 # so that this module is known to serve the engine

from twin.repairs.repair_registry import Original, repair

_REASON = "Two operations at once break each other off, or both pass the condition that only one may pass."
_LINK = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html"
turn = threading.RLock()


@repair(
    "ministack.services.dynamodb.handle_request",
    reason=_REASON,
    link=_LINK,
    source_sha256="1201f2ac993ce1a07339816d280e7b86da8395988b41f91ce72caade86e12406",
)
async def answer_alone(original: Original, *request: Any) -> Any:
    """Answer a request. Nothing in it awaits, so the lock is never held while other requests are answered."""
    with turn:
        return await original(*request)


@repair(
    "ministack.services.stepfunctions._invoke_dynamodb",
    reason=_REASON,
    link=_LINK,
    source_sha256="3d538d8656c8644143fc231985c69239e8c46bcfa67501252e32e502ce1712d2",
)
@repair(
    "ministack.services.dynamodb._remove_item",
    reason=_REASON,
    link=_LINK,
    source_sha256="5cce50c99688dab8a5219d2e4bbcd06fc3b74c932d6aa6b47db5afc614203a1e",
)
def change_alone(original: Original, *arguments: Any) -> Any:
    """Do a state's operation, or take an item out."""
    with turn:
        return original(*arguments)
