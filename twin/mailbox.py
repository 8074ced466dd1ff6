"""The mail that a twin's topics sent, one file per mail under `mail/<address>/`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4


def deliver(mail_dir: Path, to: str, subject: str, body: str, topic: str) -> None:
    """Put one mail into the box of its address."""
    box = mail_dir / quote(to, safe="@+ ")
    box.mkdir(parents=True, exist_ok=True)
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    mail = {"to": to, "subject": subject, "body": body, "at": at, "topic": topic}
    # Written first and named then, so that nobody reads half a mail.
    written = box / f".{uuid4().hex}"
    written.write_text(json.dumps(mail, indent=2) + "\n")
    for number in range(len(list(box.glob("*.json"))) + 1, 1_000_000):
        try:
            (box / f"{number:06}.json").hardlink_to(written)
        except FileExistsError:
            continue
        break
    written.unlink()


def read(mail_dir: Path, address: str | None = None) -> list[dict[str, Any]]:
    """Return the mails, oldest first; of one address, or of all."""
    mails = [json.loads(file.read_text()) for file in mail_dir.glob("*/*.json")]
    wanted = [mail for mail in mails if address in (None, mail["to"])]
    return sorted(wanted, key=lambda mail: str(mail["at"]))
