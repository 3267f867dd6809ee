"""Names that mix alphabets, read as the eye reads them: only where a human has looked and says so."""

import unicodedata
from dataclasses import replace

from intake import cleaning
from intake.formats.cells import Cells

SEEN_AS = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοѵ",
    "ABESIJKMHOPCTYXaesijopcyxqwABEZHIKMNOPTYXov",
)  # fmt: skip
"""Cyrillic and Greek letters drawn as Latin ones are (Unicode's confusables, those of one letter)."""


def as_seen(cells: Cells) -> Cells:
    """The same line with Latin letters in the place of their lookalikes; what is still no name stays as it is."""
    return replace(
        cells, family_name=_seen(cells.family_name), usage_name=_seen(cells.usage_name), first_names=tuple(map(_seen, cells.first_names))
    )


def _seen(name: str) -> str:
    if not cleaning.confusable(name):
        return name
    seen = unicodedata.normalize("NFKC", name).translate(SEEN_AS)
    return seen if cleaning.name_of(seen) else name
