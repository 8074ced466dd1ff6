"""The output of a job in CloudWatch Logs, under the group and stream names that AWS uses."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin.sagemaker.platform import Platform

_log = logging.getLogger("twin.sagemaker")
_BATCH = 500
_SECONDS = 1.0
_MAX_LINE = 8_000  # AWS takes 256 KB; a line that long is a program's accident


class LogStream:
    """One stream of a job's lines, sent every second while the job talks and once more at its end."""

    def __init__(self, platform: Platform, group: str, stream: str) -> None:
        self._platform = platform
        self._group = group
        self._stream = stream
        self._lines: list[tuple[int, str]] = []
        self._sent_at = 0.0
        self._made = False
        self._lock = threading.Lock()

    def write(self, line: str) -> None:
        """Take one line of standard output or standard error; both go to the same stream, as on AWS."""
        with self._lock:
            self._lines.append((int(time.time() * 1000), line[:_MAX_LINE] or " "))
            due = len(self._lines) >= _BATCH or time.monotonic() - self._sent_at > _SECONDS
        if due:
            self.flush()

    def flush(self) -> None:
        """Send what has been written; a log that cannot be written never fails the job."""
        with self._lock:
            lines, self._lines = self._lines, []
            self._sent_at = time.monotonic()
        if not lines:
            return
        try:
            self._send(lines)
        except Exception:  # noqa: BLE001 - any refusal of the log service: the job goes on
            _log.warning("The log stream %s %s could not be written.", self._group, self._stream)

    def _send(self, lines: list[tuple[int, str]]) -> None:
        logs = self._platform.client("logs")
        if not self._made:
            for make, names in (
                (logs.create_log_group, {"logGroupName": self._group}),
                (logs.create_log_stream, {"logGroupName": self._group, "logStreamName": self._stream}),
            ):
                try:
                    make(**names)
                except logs.exceptions.ResourceAlreadyExistsException:
                    continue
            self._made = True
        logs.put_log_events(
            logGroupName=self._group,
            logStreamName=self._stream,
            logEvents=[{"timestamp": at, "message": text} for at, text in lines],
        )
