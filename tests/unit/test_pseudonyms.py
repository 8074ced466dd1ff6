"""Record ids are HMAC-SHA256, whatever shortcut makes them."""

from __future__ import annotations

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from clinrisk.pseudonyms import record_ids


@given(
    texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=80), max_size=5),
    key=st.binary(max_size=100),
)
def test_a_record_id_is_the_start_of_the_keyed_hash(texts: list[str], key: bytes) -> None:
    expected = [hmac.digest(key, text.encode(), hashlib.sha256).hex()[:32] for text in texts]
    assert record_ids(texts, key) == expected


def test_another_key_gives_other_ids() -> None:
    assert record_ids(["9046"], b"a") != record_ids(["9046"], b"b")
