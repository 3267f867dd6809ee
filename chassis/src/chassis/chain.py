"""Digest, leaf and chain: what anyone needs to check that nothing was changed, left out or reordered."""

from collections.abc import Mapping
from hashlib import sha256

import orjson

GENESIS = bytes(32)

NOT_IN_LEAF = frozenset({"sequence", "chain", "traceparent", "tracestate"})


def digest_of(body: bytes) -> str:
    """Lower-case hexadecimal SHA-256 of the value."""
    return sha256(body).hexdigest()


def canonical(attributes: Mapping[str, str]) -> bytes:
    """RFC 8785 bytes of the attributes that are fixed at the append.

    Between names in ASCII and values that are text, RFC 8785 asks for sorted names, no spaces and the shortest escapes:
    what orjson writes, in a twentieth of the time. The tests compare with the `rfc8785` library, character by character.

    Raises:
        orjson.JSONEncodeError: a value holds half a surrogate pair, which has no UTF-8.
    """
    return orjson.dumps({name: value for name, value in attributes.items() if name not in NOT_IN_LEAF}, option=orjson.OPT_SORT_KEYS)


def leaf_of(attributes: bytes) -> bytes:
    return sha256(attributes).digest()


def link(previous: bytes, sequence: int, leaf: bytes) -> bytes:
    """SHA-256(0x01 ‖ previous chain ‖ uint64 sequence, big endian ‖ leaf)."""
    return sha256(b"\x01" + previous + sequence.to_bytes(8, "big") + leaf).digest()
