"""The search for leaks can find: in the clear, in another case, in base64, inside a longer token."""

import base64

import pytest
from leaks import Needles, leaks

NEEDLES = Needles(["Vantrouzelle", "0639981234", "12 allée des Brumevaux"])


@pytest.mark.parametrize(
    "text",
    [
        b"... Vantrouzelle ...",
        b'{"nom":"VANTROUZELLE"}',
        b"key=" + base64.urlsafe_b64encode(b"chez Vantrouzelle"),
        b"tel:+33" + b"0639981234",
        "12 allée des Brumevaux".encode(),
        b"\\x" + b"chez vantrouzelle".hex().encode(),
    ],
)
def test_a_secret_is_found(text: bytes) -> None:
    assert leaks([("somewhere", text)], NEEDLES) == {"somewhere": 1}


def test_innocent_text_is_not() -> None:
    assert leaks([("somewhere", b"nothing of the kind 0639981235 Vantrouzel le")], NEEDLES) == {}


def test_a_search_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="could not fail"):
        Needles(["short"])
