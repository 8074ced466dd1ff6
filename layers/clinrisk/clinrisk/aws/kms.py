"""KMS: message authentication codes made by the stack's signing key, which never leaves it."""

from __future__ import annotations

from functools import cache

from clinrisk.aws import clients
from clinrisk.aws.settings import settings


def mac(message: str) -> bytes:
    """Return the 32-byte HMAC-SHA-256 of a message; its first words keep one use of the key from another."""
    answer = clients.kms().generate_mac(
        KeyId=settings().signing_key, MacAlgorithm="HMAC_SHA_256", Message=message.encode()
    )
    return answer["Mac"]


@cache
def pseudonym_key(use_case: str) -> bytes:
    """Return the use case's 32-byte key: the same patient has the same record id in every upload of it.

    One call per process; record ids are made locally from then on.
    """
    return mac(f"pseudonyms|{use_case}")
