"""Measure how an ingest grows with the file: the memory of a worker, and the time of ten times the rows.

Usage: .envs/dev/bin/python -m bench.ingest_size [ROWS]

Each size is cut and ingested chunk by chunk in a process of its own with one thread; its peak is what the
system reports for it (ru_maxrss).
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import patients
from bench.ingest import ONE_THREAD, PROJECT

MOST_MB = 512
TOLERANCE = 0.15


def child(file: Path) -> None:
    """Ingest a file in this process, and print its time and peak."""
    import time  # noqa: PLC0415 - the child measures itself

    from bench.contenders import ours  # noqa: PLC0415

    run = ours(file)
    started = time.process_time()
    rows, _ = run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kilobytes, macOS bytes.
    megabytes = peak / (1024 if sys.platform == "linux" else 1024 * 1024)
    print(json.dumps({"rows": rows, "seconds": time.process_time() - started, "peak_mb": megabytes}))


def main(rows: int) -> None:
    """Print one line per size, and how the larger compares with the smaller."""
    found = []
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(f"{'rows':>12}{'MB of file':>12}{'CPU s':>9}{'peak MB':>9}")
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        for count in (rows // 10, rows):
            file = Path(scratch) / f"{count}.csv"
            size = patients.write(file, count)
            command = [sys.executable, "-m", "bench.ingest_size", "--child", str(file)]
            answer = subprocess.run(
                command, env=os.environ | ONE_THREAD, cwd=PROJECT, capture_output=True, text=True, check=True
            )
            found.append(json.loads(answer.stdout))
            measured = found[-1]
            print(f"{count:>12,}{size / 2**20:>12.0f}{measured['seconds']:>9.2f}{measured['peak_mb']:>9.0f}")
    small, large = found
    growth = large["seconds"] / small["seconds"] / 10
    print(f"ten times the rows: {growth * 10:.1f} times the time (10 +-15% asked)", end=", ")
    print(f"{large['peak_mb'] / small['peak_mb']:.2f} times the memory; at most {MOST_MB} MB asked")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
