"""Time-based one-time codes (RFC 6238): what an authenticator app makes of a seed every half minute.

The codes are pyotp's: six digits, SHA-1, 30 seconds. A code is good for three steps before and after the
clock's own, so that a phone that is off by 90 seconds is still believed. Which step a code was made for is
returned, so that it can be used up.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pyotp import TOTP
from pyotp.utils import strings_equal

if TYPE_CHECKING:
    from datetime import datetime

STEP_SECONDS = 30
STEPS_OFF = 3
"""How many steps a phone's clock may be off, in either direction."""
MOST_WRONG = 5
"""After so many wrong codes in a row none is taken for a while."""
_FIRST_LOCK, _LONGEST_LOCK = 15 * 60, 24 * 3600
ISSUER = "clinrisk"


def step_of(seed: str, code: str, now: datetime) -> int | None:
    """Return the time step that a code of this seed was made for, or None: it is no code of around now.

    `seed` is base32, as apps take it. Steps count half minutes since 1970. Spaces in a code are passed over.

    >>> from datetime import UTC, datetime, timedelta
    >>> now = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    >>> code = TOTP("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").at(now)
    >>> step_of("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", code, now) == int(now.timestamp()) // STEP_SECONDS
    True
    >>> step_of("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", code, now + timedelta(minutes=10)) is None
    True
    """
    typed = re.sub(r"\s", "", code)
    if not re.fullmatch("[0-9]{6}", typed):
        return None
    present, codes = int(now.timestamp()) // STEP_SECONDS, TOTP(seed)
    steps = range(present - STEPS_OFF, present + STEPS_OFF + 1)
    # Every step is compared: how long it takes does not depend on which one fits.
    fitting = [step for step in steps if strings_equal(typed, codes.generate_otp(step))]
    return fitting[-1] if fitting else None


def locked_for(attempts: int) -> int:
    """Return for how many seconds no code is taken after so many in a row were not right.

    A quarter of an hour after the fifth; each further one doubles it, up to a day. So a lock ends by itself,
    and who guesses for a year has some 400 tries of which each is right once in 140,000.

    >>> [locked_for(wrong) for wrong in (4, 5, 6, 20)]
    [0, 900, 1800, 86400]
    """
    over = attempts - MOST_WRONG
    return min(_FIRST_LOCK * 2 ** min(over, 10), _LONGEST_LOCK) if over >= 0 else 0


def address(seed: str, mail: str) -> str:
    """Return the otpauth:// address from which an app takes the seed; a QR code holds it.

    >>> address("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "ann@example.org")
    'otpauth://totp/clinrisk:ann%40example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=clinrisk'
    """
    return TOTP(seed).provisioning_uri(name=mail, issuer_name=ISSUER)
