"""Every string of the fiction that must never be found outside an edge that may open it: what a privacy search looks for."""

from collections.abc import Iterable, Iterator

from raccroche.fiction.identifiers import international, spaced
from raccroche.fiction.lines import Line
from raccroche.fiction.names import folded

_SHORTEST = 8


def cleartext_of(lines: Iterable[Line]) -> frozenset[str]:
    """Names and addresses in each spelling, INE, phones in national, spaced and E.164 shape, e-mails.

    Shorter strings than eight characters (a phone cut short) are left out: they would be found by chance.
    """
    return frozenset(text for line in lines for text in _shapes(line) if len(text) >= _SHORTEST)


def _shapes(line: Line) -> Iterator[str]:
    for text in (
        line.family_name, line.first_name, line.guardian_family_name, line.guardian_first_name, line.address,
    ):  # fmt: skip
        yield text
        yield folded(text)
    yield line.ine
    yield line.email
    yield line.guardian_email
    for phone in (line.phone, line.guardian_phone):
        if len(phone) == len("0199000000"):
            yield from (phone, spaced(phone), international(phone))
