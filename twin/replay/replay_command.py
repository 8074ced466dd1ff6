"""`twin replay`: drop files into a clean twin, one after the other, and write what became of each."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from twin.deployment import deploy
from twin.quotas import UNBOUNDED
from twin.replay.upload_watch import SettledUpload, UploadWatch
from twin.server import launcher
from twin.state import DEFAULT_PORT, PROJECT, Endpoint, StateDirectory

INTERRUPTED = 130
PATIENCE_SECONDS = 900.0


class ManifestError(Exception):
    """The manifest cannot be replayed; the message says which entry, and why."""


@dataclass(frozen=True)
class ManifestEntry:
    """One upload to come: the key, the file whose bytes it has, and the object's metadata."""

    key: str
    file: Path
    metadata: Mapping[str, str] = field(default_factory=dict)


def replay(
    manifest: Annotated[
        Path,
        typer.Argument(dir_okay=False, help='A JSON list of {"key", "file", "metadata" (may be absent)}.'),
    ],
    *,
    out: Annotated[Path, typer.Option(dir_okay=False, help="Where the list of what became of them goes.")],
    rows: Annotated[
        Path | None, typer.Option(file_okay=False, help="Also write the rows that were used, as Parquet.")
    ] = None,
    port: Annotated[int, typer.Option(envvar="TWIN_PORT", help="Loopback port of the twin.")] = DEFAULT_PORT,
    patience: Annotated[
        float, typer.Option(min=1, help="Seconds after which an upload that nobody settled is FAILED.")
    ] = PATIENCE_SECONDS,
) -> None:
    """Try a folder of files: each is dropped into a clean twin, in order, and its receipt is written down.

    The twin is new, deploys template.yaml and is gone afterwards; nothing leaves this machine. A file is
    dropped when the one before it is settled, so the seconds and megabytes are its own (of the workers that
    read it, which are awake by then). Trainings that the files start wait for a machine that never comes:
    they would only take the processors.
    """
    console = Console(highlight=False)
    launcher.end_on_signals()
    try:
        entries = read_manifest(manifest)
        for target in (out.parent, rows):
            if target is not None:
                target.mkdir(parents=True, exist_ok=True)
        with _clean_twin(port, console) as (endpoint, outputs):
            watch = UploadWatch(endpoint, outputs, patience)
            watch.wake()
            settled_uploads: list[dict[str, Any]] = []
            _write(out, settled_uploads)
            for settled in _drop_all(watch, entries, rows, console):
                settled_uploads.append(settled)
                # After each one, so that whoever stops has what is known by then.
                _write(out, settled_uploads)
    except KeyboardInterrupt:
        console.print("Stopped. No process was left behind.")
        raise typer.Exit(INTERRUPTED) from None
    except (ManifestError, OSError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    console.print(f"{len(settled_uploads)} uploads are settled: {out}", markup=False)


def _write(out: Path, settled_uploads: list[dict[str, Any]]) -> None:
    out.write_text(json.dumps(settled_uploads, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_manifest(path: Path) -> list[ManifestEntry]:
    """Return the entries of a manifest; raises ManifestError before anything is started."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ManifestError(f"There is no manifest {path}.") from error
    except ValueError as error:
        raise ManifestError(f"{path} is not JSON.") from error
    if not isinstance(listed, list):
        raise ManifestError(f"{path} is not a JSON list.")
    return [_entry(path.parent, number, given) for number, given in enumerate(listed, 1)]


def _entry(folder: Path, number: int, given: Any) -> ManifestEntry:
    if not isinstance(given, dict) or not isinstance(given.get("key"), str) or "file" not in given:
        raise ManifestError(f"Entry {number} of the manifest needs a key and a file.")
    file = folder / str(given["file"])
    if not file.is_file():
        raise ManifestError(f"Entry {number} of the manifest: there is no file {file}.")
    metadata = given.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise ManifestError(f"Entry {number} of the manifest: metadata are names and texts.")
    return ManifestEntry(given["key"], file, {str(name): str(text) for name, text in metadata.items()})


@contextmanager
def _clean_twin(port: int, console: Console) -> Iterator[tuple[Endpoint, dict[str, str]]]:
    with tempfile.TemporaryDirectory(prefix="twin-replay-") as folder:
        state = StateDirectory(Path(folder))
        with launcher.running(state, port, job_slots=0) as endpoint:
            state.quotas.change(UNBOUNDED)
            console.print("Deploying template.yaml on a clean twin ...")
            yield endpoint, deploy.deploy(PROJECT / "template.yaml", endpoint=endpoint)


def _drop_all(
    watch: UploadWatch, entries: list[ManifestEntry], rows: Path | None, console: Console
) -> Iterator[dict[str, Any]]:
    """Drop each entry and give what became of it, in the form of the written list."""
    for number, entry in enumerate(entries, 1):
        settled = watch.drop(entry.key, entry.file, entry.metadata)
        if rows is not None:
            watch.save_rows(settled, rows / f"{number:05d}.parquet")
        console.print(_line(number, len(entries), entry.key, settled), markup=False, soft_wrap=True)
        yield {
            "key": entry.key,
            "disposition": settled.disposition,
            "rows_accepted": settled.rows_accepted,
            "rows_quarantined": settled.rows_quarantined,
            "missing": settled.missing,
            "reasons": settled.reasons,
            "seconds": round(settled.seconds, 3),
            "peak_mb": settled.peak_mb,
        }


def _line(number: int, count: int, key: str, settled: SettledUpload) -> str:
    shown = "".join(character if character.isprintable() else "?" for character in key)
    why = f"  {', '.join(settled.reasons)}" if settled.reasons else ""
    if settled.remark:
        why += f"  {settled.remark}"
    return f"{number:>5}/{count} {settled.disposition:<9} {settled.seconds:6.2f} s  {shown[:120]}{why}"
