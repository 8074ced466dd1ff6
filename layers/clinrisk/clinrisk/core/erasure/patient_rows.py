"""The rows of patients in what is stored, whatever its form: counted, or left out. polars.

What is not theirs stays as it was: lines byte for byte, rows of Parquet value for value.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl

from clinrisk.core.ingest.csv_file.content import BOM, table_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from clinrisk.core.erasure.locations import Location
    from clinrisk.core.erasure.named_patients import NamedPatients


@dataclass
class Found:
    """How many rows were read, and how many of them are of the patients; it grows while blocks are read."""

    rows: int = 0
    theirs: int = field(default=0)


def without(
    location: Location,
    blocks: Iterable[bytes],
    patients: NamedPatients,
    found: Found,
    header: Sequence[str] = (),
) -> Iterator[bytes]:
    """Yield an object of a place without the rows of the patients, and count into `found`.

    `header` names the columns of a file whose lines were set aside, where they are known.
    """
    match location.form:
        case "lines" | "table":
            read = iter(blocks)
            first = next(read, b"")
            if location.bucket == "inbox" and table_format(first):
                _count_table(location, first + b"".join(read), patients, found)
            else:
                yield from _lines(location, chain([first], read), patients, found)
        case "parquet":
            yield _parquet(location, b"".join(blocks), patients, found)
        case "raw":
            yield _raw(b"".join(blocks), patients, found, header)
        case "list":
            yield _list(b"".join(blocks), patients, found)
        case "archive":
            yield _archive(location, b"".join(blocks), patients, found)
        case _:
            yield from _resources(blocks, patients, found)


def count(
    location: Location, blocks: Iterable[bytes], patients: NamedPatients, header: Sequence[str] = ()
) -> Found:
    """Return how many rows an object of a place holds, and how many of the patients."""
    found = Found()
    for _ in without(location, blocks, patients, found, header):
        pass
    return found


def _parquet(location: Location, data: bytes, patients: NamedPatients, found: Found) -> bytes:
    rows = pl.read_parquet(io.BytesIO(data))
    return _kept(rows, patients.among(rows[location.column], by_hospital_id=False), data, found)


def _count_table(location: Location, data: bytes, patients: NamedPatients, found: Found) -> None:
    """Count in a Parquet or Arrow file as it was dropped; such a file is removed, and never written again."""
    read = pl.read_parquet if "Parquet" in table_format(data) else pl.read_ipc
    try:
        ids = read(io.BytesIO(data), columns=[location.column])[location.column]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return  # damaged, or without the column: nobody can be named
    found.rows += len(ids)
    found.theirs += int(patients.among(ids.cast(pl.String), by_hospital_id=True).sum())


def _resources(blocks: Iterable[bytes], patients: NamedPatients, found: Found) -> Iterator[bytes]:
    """Leave out resources whose subject is a patient."""
    for lines in _complete_lines(blocks):
        ids = [json.loads(line)["subject"]["identifier"]["value"] for line in lines]
        theirs = patients.among(pl.Series(ids, dtype=pl.String), by_hospital_id=True).to_list()
        found.rows += len(lines)
        found.theirs += sum(theirs)
        yield b"".join(line for line, left_out in zip(lines, theirs, strict=True) if not left_out)


def _raw(data: bytes, patients: NamedPatients, found: Found, header: Sequence[str]) -> bytes:
    """Leave out lines that name a patient: in the id's column where it is known, else in any cell."""
    rows = pl.read_parquet(io.BytesIO(data))
    lines = [(text or "").encode() for text in rows["raw"].to_list()]
    theirs = _naming(lines, patients, _id_position(header), len(header), by_hospital_id=True)
    return _kept(rows, pl.Series(theirs, dtype=pl.Boolean), data, found)


def _kept(rows: pl.DataFrame, theirs: pl.Series, data: bytes, found: Found) -> bytes:
    found.rows += rows.height
    found.theirs += int(theirs.sum())
    if not theirs.any():
        return data
    stream = io.BytesIO()
    rows.filter(~theirs).write_parquet(stream, compression="snappy", statistics=False)
    return stream.getvalue()


def _list(data: bytes, patients: NamedPatients, found: Found) -> bytes:
    named = json.loads(data)
    theirs = patients.among(pl.Series(named, dtype=pl.String), by_hospital_id=False)
    found.rows += len(named)
    found.theirs += int(theirs.sum())
    if not theirs.any():
        return data
    kept = [one for one, left_out in zip(named, theirs.to_list(), strict=True) if not left_out]
    return (json.dumps(kept, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def _archive(location: Location, data: bytes, patients: NamedPatients, found: Found) -> bytes:
    before, stream = found.theirs, io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as given,
        tarfile.open(fileobj=stream, mode="w:gz") as made,
    ):
        for member in given.getmembers():
            source = given.extractfile(member)
            content = b"" if source is None else source.read()
            if member.name.endswith(".csv"):
                content = b"".join(_lines(location, [content], patients, found))
                member.size = len(content)
            made.addfile(member, None if source is None else io.BytesIO(content))
    return stream.getvalue() if found.theirs > before else data


def _lines(
    location: Location, blocks: Iterable[bytes], patients: NamedPatients, found: Found
) -> Iterator[bytes]:
    """Yield the lines that name none of the patients, as they are."""
    position: int | None = 0
    width, parts = 0, _complete_lines(blocks)
    if location.form != "lines":
        first = next(parts, [])
        header = _cells(first[0].removeprefix(BOM)) if first else []
        position, width = _position_of(location.column, header), len(header)
        yield b"".join(first[:1])
        parts = chain([first[1:]], parts)
    for lines in parts:
        # Of a table without the column, nobody can be named: a number in any cell would be taken for an id.
        theirs = (
            [False] * len(lines)
            if position is None
            else _naming(lines, patients, position, width, by_hospital_id=location.by_hospital_id)
        )
        found.rows += len(lines)
        found.theirs += sum(theirs)
        yield b"".join(line for line, left_out in zip(lines, theirs, strict=True) if not left_out)


def _complete_lines(blocks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield the lines of each block, the last one of a block with the next."""
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        if lines:
            yield [line + b"\n" for line in lines]
    if rest:
        yield [rest]


def _naming(
    lines: Sequence[bytes], patients: NamedPatients, position: int | None, width: int, *, by_hospital_id: bool
) -> list[bool]:
    """Return which lines name a patient in the cell at a position.

    A line of another shape than the header names one in any of its cells; so does every line where the
    position is not known.
    """
    alone: list[str | None] = []
    cells, owners = [], []
    for number, line in enumerate(lines):
        row = _cells(line)
        shaped = position is not None and len(row) == (width or len(row)) and position < len(row)
        alone.append(row[position] if shaped and position is not None else None)
        if not shaped:
            cells += row
            owners += [number] * len(row)
    named = patients.among(pl.Series(alone, dtype=pl.String), by_hospital_id=by_hospital_id).to_list()
    anywhere = patients.among(pl.Series(cells, dtype=pl.String), by_hospital_id=by_hospital_id)
    for number, hit in zip(owners, anywhere.to_list(), strict=True):
        named[number] = named[number] or hit
    return named


def _cells(line: bytes) -> list[str]:
    text = line.decode(errors="replace").rstrip("\r\n")
    if '"' not in text:
        return text.split(",")
    return next(csv.reader([text.replace("\r", " ")], skipinitialspace=True), [])


def _id_position(header: Sequence[str]) -> int | None:
    return _position_of("id", header)


def _position_of(column: str, header: Sequence[str]) -> int | None:
    """Return where a column stands; None where there is none of that name."""
    names = [name.strip(' \t"') for name in header]
    return names.index(column) if column in names else None
