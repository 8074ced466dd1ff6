"""Where a twin keeps its files, and how others find it.

Everything lives in one directory (default `.twin/`): `endpoint.json` (who serves, with which keys),
`quotas.json`, `engine.log`, `mail/<address>/`, `authenticator/`, `jobs/`, and what the engine may throw
away (`tmp/`, `home/`). It is emptied at every start. What lasts, if it is asked for, lasts in another one
(`KeptState`).
"""

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from twin.authenticator import Authenticator
from twin.quotas import Quotas

DEFAULT_PORT = 4566
REGION = "us-east-1"
ACCOUNT = "000000000000"
PROJECT = Path(__file__).resolve().parent.parent
BUILD = PROJECT / ".build"


@dataclass(frozen=True)
class Endpoint:
    """A running twin as its callers see it; the same fields as `endpoint.json`."""

    endpoint_url: str
    region: str
    access_key: str
    secret_key: str
    ca_bundle: str | None
    pid: int

    def environment(self) -> dict[str, str]:
        """Return the variables that point any AWS SDK or command at this twin."""
        variables = {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }
        return variables | ({"AWS_CA_BUNDLE": self.ca_bundle} if self.ca_bundle else {})


@dataclass(frozen=True)
class KeptState:
    """A directory of the user's choice with what twins hold, so that the next one goes on from there."""

    root: Path

    @property
    def file(self) -> Path:
        """The tables; bodies of large objects are in a folder next to it."""
        return self.root / "twin.pickle"

    @property
    def _facts(self) -> Path:
        return self.root / "about.json"

    def facts(self) -> dict[str, Any]:
        """Return the port and the engine's version that belong to it; nothing before its first use."""
        return dict(json.loads(self._facts.read_text())) if self._facts.exists() else {}

    def claim(self, port: int, engine: str) -> None:
        """Note for which port and engine the directory is used from now on."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        self._facts.write_text(json.dumps({"port": port, "engine": engine}))

    def written_at(self) -> float | None:
        """Return the moment at which a twin left something here."""
        return self.file.stat().st_mtime if self.file.exists() else None


@dataclass(frozen=True)
class StateDirectory:
    """The directory of one twin."""

    root: Path

    @property
    def endpoint_file(self) -> Path:
        """Where a ready twin writes how to reach it."""
        return self.root / "endpoint.json"

    @property
    def log(self) -> Path:
        """What the engine printed."""
        return self.root / "engine.log"

    @property
    def console_lock(self) -> Path:
        """Held by the console of this twin, whose process it names."""
        return self.root / "console.lock"

    @property
    def mail(self) -> Path:
        """One directory per address."""
        return self.root / "mail"

    @property
    def authenticator(self) -> Authenticator:
        """The app of the approvers whom the demo has enrolled."""
        return Authenticator(self.root / "authenticator")

    @property
    def quotas(self) -> Quotas:
        """What the account of this twin may use at once."""
        return Quotas(self.root / "quotas.json")

    @property
    def kept(self) -> KeptState | None:
        """Where the running twin keeps what it holds; None when it forgets everything."""
        return KeptState(self._kept.resolve()) if self._kept.is_symlink() else None

    @property
    def _kept(self) -> Path:
        return self.root / "kept"

    def prepare(self, kept: KeptState | None = None) -> None:
        """Make the directory empty and private: nothing of an earlier twin may remain but what was kept."""
        for name in ("mail", "authenticator", "jobs", "tmp", "home", "runtime"):
            shutil.rmtree(self.root / name, ignore_errors=True)
            (self.root / name).mkdir(parents=True)
        self.root.chmod(0o700)
        for file in (self.endpoint_file, self.root / "quotas.json", self._kept):
            file.unlink(missing_ok=True)
        if kept:
            self._kept.symlink_to(kept.root)

    def write(self, endpoint: Endpoint) -> None:
        """Publish how to reach the twin; complete or absent, never half written."""
        draft = self.endpoint_file.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(endpoint), indent=2) + "\n")
        draft.replace(self.endpoint_file)

    def read(self) -> Endpoint | None:
        """Return the running twin, or None when none runs here (a stale file counts as none)."""
        if not self.is_held():
            return None
        try:
            return Endpoint(**json.loads(self.endpoint_file.read_text()))
        except FileNotFoundError:
            return None

    def hold(self) -> IO[str]:
        """Return the open lock that marks this directory as served; it falls with the process."""
        lock = (self.root / "engine.lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def is_held(self) -> bool:
        """Return whether a twin serves this directory."""
        try:
            with (self.root / "engine.lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


def state_directory(environ: Mapping[str, str] | None = None) -> StateDirectory:
    """Return the twin directory of this project, or the one named by TWIN_STATE_DIR."""
    variables = os.environ if environ is None else environ
    return StateDirectory(Path(variables.get("TWIN_STATE_DIR") or PROJECT / ".twin").absolute())
