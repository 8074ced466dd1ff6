"""Measure what an ingest costs beside the libraries that people would validate with instead.

Usage: .envs/dev/bin/python -m bench.ingest [ROWS] [LIBRARY_ROWS]

Ours is the whole ingest, chunk by chunk: every rule with reasons, pseudonyms, features, profile, Parquet. The
others only validate the same columns (types, ranges, codes, ids once each) and say which rows fail. Each runs
in a process of its own with one thread, in CPU seconds, three times in turn: a shared machine is up to a
third slower from one minute to the next, so the fastest run counts, and the slowest is printed beside it.
The libraries, slower by far, get fewer rows; they are installed into a throw-away environment and belong to
no lock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import patients

PROJECT = Path(__file__).parent.parent
UV = PROJECT / ".envs/uv/bin/uv"
LIBRARIES = ("pandera==0.26.1", "great-expectations==1.6.4", "pandas==2.1.4", "numpy==1.26.4")
OURS = "clinrisk: the whole ingest"
ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
RUNS = 3
AT_LEAST = {"polars: only validate": 0.5, "pandera (pandas)": 4.0, "great-expectations": 10.0}


def environment(folder: Path) -> Path:
    """Return the interpreter of an environment with the other libraries."""
    made = folder / "environment"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, made], check=True)
    python = made / "bin/python"
    subprocess.run([UV, "pip", "install", "--quiet", "--python", python, *LIBRARIES], check=True)
    return python


def compiled(folder: Path) -> dict[str, str]:
    """Return the processes' environment: one thread, and compiled modules kept, as a layer brings them."""
    shell = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return shell | ONE_THREAD | {"PYTHONPYCACHEPREFIX": str(folder / "compiled")}


def measured(python: Path | str, contender: str, file: Path) -> dict[str, float]:
    """Run one contender in a process of its own: rows, CPU seconds and rejected rows."""
    done = subprocess.run(
        [python, PROJECT / "bench/contenders.py", contender, file],
        env=compiled(file.parent),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{contender} failed:\n{done.stderr[-2000:]}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def cold(file: Path) -> float:
    """Return the CPU seconds of a fresh process that ingests a small file, imports included."""
    seconds = []
    for _ in range(5):
        before = os.times()
        measured(sys.executable, "ours", file)
        after = os.times()
        seconds.append(
            after.children_user - before.children_user + after.children_system - before.children_system
        )
    return min(seconds)


def main(rows: int, library_rows: int) -> None:
    """Print one line per contender, and the cold start."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = Path(scratch)
        large, small, public = (folder / f"{name}.csv" for name in ("large", "small", "public"))
        for file, count in ((large, rows), (small, library_rows), (public, 5_110)):
            patients.write(file, count)
        theirs = environment(folder)
        runs = (
            (OURS, sys.executable, "ours", large),
            ("polars: only validate", sys.executable, "polars", large),
            ("pandera (pandas)", theirs, "pandera", small),
            ("great-expectations", theirs, "great_expectations", small),
        )
        print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
        found: dict[str, list[dict[str, float]]] = {title: [] for title, *_ in runs}
        for _ in range(RUNS):
            for title, python, contender, file in runs:
                found[title].append(measured(python, contender, file))
        print(f"{f'one thread, {RUNS} runs':<28}{'rows':>11}{'CPU s':>8}{'slowest':>9}", end="")
        print(f"{'rows / CPU s':>14}{'ours : it':>11}{'asked':>7}")
        best = {title: min(times, key=lambda run: run["seconds"]) for title, times in found.items()}
        ours = best[OURS]["rows"] / best[OURS]["seconds"]
        for title, run in best.items():
            speed, slowest = run["rows"] / run["seconds"], max(one["seconds"] for one in found[title])
            asked = f"{AT_LEAST[title]:g}" if title in AT_LEAST else ""
            print(f"{title:<28}{run['rows']:>11,.0f}{run['seconds']:>8.2f}{slowest:>9.2f}", end="")
            print(f"{speed:>14,.0f}{ours / speed:>11.2f}{asked:>7}")
        print(f"cold process on 5,110 rows: {cold(public):.2f} CPU s (at most .35 asked)")


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000,
        int(sys.argv[2]) if len(sys.argv) > 2 else 200_000,
    )
