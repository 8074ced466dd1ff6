"""An authenticator app for a twin: keeps the key of each approver, and shows the code of this half minute."""

from datetime import UTC, datetime
from pathlib import Path

from pyotp import TOTP

STEP_SECONDS = 30


class Authenticator:
    """The keys in one directory, a file per mail address."""

    def __init__(self, directory: Path) -> None:
        """Open the app; the directory need not be there yet."""
        self._directory = directory

    def keep(self, address: str, key: str) -> None:
        """Keep the key of an approver; a new one replaces the old one."""
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / address).write_text(key, encoding="utf-8")

    def addresses(self) -> list[str]:
        """Return whose keys are here."""
        return sorted(file.name for file in self._directory.glob("*@*"))

    def code(self, address: str, now: datetime | None = None) -> str:
        """Return the code of this half minute; raises FileNotFoundError without a key of that address."""
        key = (self._directory / address).read_text(encoding="utf-8")
        return TOTP(key).at(now or datetime.now(UTC))

    def seconds_left(self, now: datetime | None = None) -> int:
        """Return for how long the present codes are shown."""
        return STEP_SECONDS - int((now or datetime.now(UTC)).timestamp()) % STEP_SECONDS
