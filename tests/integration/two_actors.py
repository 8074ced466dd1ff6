"""A second actor who acts at the worst moment: when another's write is about to leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.aws import clients

if TYPE_CHECKING:
    from collections.abc import Callable


def just_before(operation: str, act: Callable[[], Any]) -> list[Any]:
    """Act once, when the next DynamoDB `operation` is about to leave; the list has the result then."""
    done: list[Any] = []
    events = clients.dynamodb().meta.client.meta.events
    name = f"before-call.dynamodb.{operation}"

    def hook(**_: Any) -> None:
        events.unregister(name, hook)
        done.append(act())

    events.register(name, hook)
    return done
