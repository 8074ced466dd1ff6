"""The key that turns a hospital's ids into record ids: one KMS call per process, local from then on."""

from __future__ import annotations

from functools import cache

from clinrisk.aws import clients
from clinrisk.aws.settings import settings


@cache
def pseudonym_key(use_case: str) -> bytes:
    """Give the use case's 32-byte key; the same patient has the same record id in every upload of it."""
    answer = clients.kms().generate_mac(
        KeyId=settings().signing_key,
        MacAlgorithm="HMAC_SHA_256",
        Message=f"pseudonyms|{use_case}".encode(),
    )
    return answer["Mac"]
