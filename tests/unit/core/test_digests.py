import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinrisk.core.digests import canonical_json, digest_of, package_files, sha256, zip_bytes


@given(
    st.dictionaries(st.text(), st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text())
)
def test_the_order_of_keys_does_not_change_the_digest(document: dict[str, object]) -> None:
    assert digest_of(dict(reversed(document.items()))) == digest_of(document)


def test_nan_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"auc": float("nan")})


def test_a_digest_is_that_of_the_standard_tool() -> None:
    assert sha256(b"clinrisk") == hashlib.sha256(b"clinrisk").hexdigest()


def test_a_zip_depends_on_names_and_content_alone() -> None:
    files = {"b.py": b"2", "a/x.py": b"1"}
    packed = zip_bytes(files)
    assert zip_bytes(dict(reversed(files.items()))) == packed
    assert zip_bytes(files | {"b.py": b"3"}) != packed
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["a/x.py", "b.py"]
        assert archive.read("b.py") == b"2"


def test_a_package_is_packed_without_what_the_interpreter_left(tmp_path: Path) -> None:
    package = tmp_path / "clinrisk"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__pycache__" / "core.cpython-312.pyc").write_bytes(b"machine")
    (package / "core.py").write_bytes(b"x = 1\n")
    (package / "page.html.j2").write_bytes(b"<p>")
    assert list(package_files(package)) == ["clinrisk/core.py", "clinrisk/page.html.j2"]


def test_python_runs_a_packed_program(tmp_path: Path) -> None:
    program = tmp_path / "program.pyz"
    program.write_bytes(
        zip_bytes({"__main__.py": b"from deep import word\nprint(word)\n", "deep.py": b"word = 'ran'\n"})
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert done.stdout == "ran\n"
