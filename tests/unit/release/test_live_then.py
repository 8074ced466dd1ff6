"""Whether a model was live at a moment: from its release on, until another one was released."""

from __future__ import annotations

import pytest

from clinrisk.core.release.proof import was_live
from clinrisk.messages.release import LiveModel

FROM, UNTIL = "2026-03-01T09:00:00.000Z", "2026-03-05T09:00:00.000Z"


def of(moment: str) -> LiveModel:
    return LiveModel.model_construct(promoted_at=moment)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-01T08:59:59.999Z", False),
        (FROM, True),
        (UNTIL, True),
        ("2026-03-05T09:15:00.000Z", True),
        ("2026-03-05T09:15:00.001Z", False),
    ],
)
def test_a_model_is_live_until_another_one_is(at: str, expected: bool) -> None:  # noqa: FBT001 # a case
    assert was_live(of(FROM), of(UNTIL), at) is expected


def test_the_newest_model_is_live_ever_after() -> None:
    assert was_live(of(FROM), None, "2036-03-01T09:00:00.000Z")
    assert not was_live(of(FROM), None, "2026-02-28T09:00:00.000Z")
