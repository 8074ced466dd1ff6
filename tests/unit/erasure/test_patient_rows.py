"""The rows of patients are left out; what is not theirs stays byte for byte, however it is cut."""

from __future__ import annotations

import io
import tarfile

import pytest

from clinrisk.core.erasure import patient_rows
from clinrisk.core.erasure.locations import LOCATIONS
from clinrisk.core.erasure.named_patients import NamedPatients
from clinrisk.core.erasure.patient_rows import Found

OURS, OTHER = "a" * 32, "b" * 32
PATIENTS = NamedPatients((OURS,), b"key")
SCORES = next(one for one in LOCATIONS if one.form == "lines")
ARCHIVE = next(one for one in LOCATIONS if one.form == "archive")
LINES = f"{OTHER},0.2\n{OURS},0.1\n{OTHER},0.3"


@pytest.mark.parametrize("size", [1, 7, 40, 1000])
@pytest.mark.parametrize("end", ["", "\n"])
def test_lines_stay_as_they_are_however_they_are_cut(size: int, end: str) -> None:
    data, found = (LINES + end).encode(), Found()
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    kept = b"".join(patient_rows.without(SCORES, blocks, PATIENTS, found))
    assert kept == f"{OTHER},0.2\n{OTHER},0.3{end}".encode()
    assert found == Found(3, 1)


def archive(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as made:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as given:
        found = {one.name: given.extractfile(one) for one in given.getmembers()}
        return {name: part.read() for name, part in found.items() if part is not None}


def test_an_archive_keeps_its_other_members_and_is_the_same_where_nobody_is_in_it() -> None:
    table = f"record_id,score\n{OURS},0.1\n{OTHER},0.2\n".encode()
    data = archive(("out_of_fold.csv", table), ("search.json", OURS.encode()))
    kept = b"".join(patient_rows.without(ARCHIVE, [data], PATIENTS, Found()))
    assert members(kept) == {
        "out_of_fold.csv": f"record_id,score\n{OTHER},0.2\n".encode(),
        "search.json": OURS.encode(),
    }
    assert b"".join(patient_rows.without(ARCHIVE, [kept], PATIENTS, Found())) == kept
