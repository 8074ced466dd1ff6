"""What a repair may know of the twin it repairs."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Site:
    """One twin: where it answers and where it keeps its files."""

    endpoint_url: str
    state_dir: Path
