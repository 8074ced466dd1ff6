"""Approvers in the table, and the phone of each, which shows codes."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pyotp import TOTP

from clinrisk.aws import kms
from clinrisk.aws.notifications import subscriptions
from clinrisk.aws.tables import approvers
from clinrisk.core.release.one_time_codes import STEP_SECONDS, STEPS_OFF

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

ANN = "Ann Lee"


class Phone:
    """An authenticator app: a code for each half minute; asked again, the next one that was not used."""

    def __init__(self, seed: str, approver_id: str) -> None:
        self.seed, self.approver_id, self.shown = seed, approver_id, 0

    def code(self, now: datetime | None = None) -> str:
        """Return a code that is good now, and was not returned before."""
        moment = time.time() if now is None else now.timestamp()
        # Not the oldest that is taken: half a minute may pass before it is typed.
        self.shown = max(self.shown + 1, int(moment) // STEP_SECONDS - STEPS_OFF + 1)
        return TOTP(self.seed).generate_otp(self.shown)

    def of(self, step: int) -> str:
        """Return the code of one time step."""
        return TOTP(self.seed).generate_otp(step)


def enrolled(
    stack: Stack,
    name: str = ANN,
    role: str = "clinical",
    use_cases: tuple[str, ...] = ("heart", "stroke"),
    state: str = approvers.ENROLLED,
) -> Phone:
    """Put an approver who has enrolled into the table, once per name, and return the phone."""
    if name in stack.phones:
        return stack.phones[name]
    number = len(stack.phones) + 1
    seed, approver_id = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PX" + "ABCDEFGH"[number], f"{number:012x}"
    mail = f"{name.partition(' ')[0].lower()}@example.org"
    approvers.add(
        approvers.Approver(
            approver_id=approver_id,
            name=name,
            mail=mail,
            role=role,
            use_cases=use_cases,
            state=state,
            added_at=datetime(2026, 1, number, tzinfo=UTC).isoformat(),
            subscription=subscriptions.subscribe(mail, approver_id),
            invitation=1,
            seed=kms.encrypt(seed, approver=approver_id),
        )
    )
    stack.phones[name] = Phone(seed, approver_id)
    return stack.phones[name]
