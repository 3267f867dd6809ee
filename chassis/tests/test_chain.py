"""The canonical bytes against another implementation of RFC 8785, for whatever text an attribute may hold."""

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from chassis.chain import canonical

NAMES = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=20)


@given(st.dictionaries(NAMES, st.text(), max_size=18))
def test_the_canonical_bytes_are_those_of_the_library_of_reference(attributes: dict[str, str]) -> None:
    fixed = {name: value for name, value in attributes.items() if name not in ("sequence", "chain", "traceparent", "tracestate")}
    assert canonical(attributes) == rfc8785.dumps(fixed)


def test_every_character_below_the_first_surrogate_is_written_alike() -> None:
    for code in [*range(0xD800), *range(0xE000, 0x11000)]:
        assert canonical({"subject": chr(code)}) == rfc8785.dumps({"subject": chr(code)}), hex(code)
