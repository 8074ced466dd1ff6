"""The job code: this very package as one zip that Python runs, the same bytes for the same source."""

from __future__ import annotations

from pathlib import Path

import clinrisk
from clinrisk.core.digests import package_files, zip_bytes

# What only a Lambda uses. The jobs' image has neither boto3 nor pydantic nor polars.
LEFT_OUT = ("clinrisk/aws/", "clinrisk/core/release/page/", "clinrisk/messages/", "clinrisk/services/")
MAIN = b"from clinrisk.jobs.__main__ import main\n\nraise SystemExit(main())\n"
NAME = "clinrisk.pyz"


def build() -> bytes:
    """Give the zip as bytes."""
    root = Path(next(iter(clinrisk.__path__)))
    files = {name: data for name, data in package_files(root).items() if not name.startswith(LEFT_OUT)}
    return zip_bytes({"__main__.py": MAIN} | files)
