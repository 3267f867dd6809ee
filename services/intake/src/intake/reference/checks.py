"""What the reference data say about one line: pairs of our field name and rule, none of which refuses the line."""

import re
from collections.abc import Iterable, Iterator
from datetime import date

from intake.cleaning import uai_of
from intake.reference.communes import communes, postcode_fits
from intake.reference.establishments import Directory

COMMUNE = re.compile(r"(?:[0-9]{2}|2[AB])[0-9]{3}")
ABROAD = "99"


def doubts(
    *, uai: str, birth_commune: str, commune: str, postcode: str | None, day: date, directory: Directory
) -> Iterator[tuple[str, str]]:
    """An establishment that is closed, not open yet or unknown, a birth commune that never was, a postcode that is not the commune's.

    day: the list's reference date. birth_commune, commune: checked where they are INSEE codes, else nothing is said of them.
    """
    standing = directory.standing(uai, day)
    if standing == "closed":
        yield "uai", "UAI_CLOSED"
    if standing == "not_open":
        yield "uai", "UAI_NOT_OPEN"
    if standing == "unknown" and directory.complete:
        yield "uai", "UAI_UNKNOWN"
    if _is_code(birth_commune) and birth_commune not in communes():
        yield "birth_commune", "COMMUNE_UNKNOWN"
    if postcode and _is_code(commune) and postcode_fits(commune, postcode) is False:
        yield "postcode", "POSTCODE_NOT_OF_COMMUNE"


def away_of(sites: Iterable[tuple[str, str]], day: date, directory: Directory) -> Iterator[str]:
    """The columns that name an establishment which is not open on that day, as far as the directory can say."""
    if not directory.doubts:
        return
    for column, site in sites:
        if uai := uai_of(site):
            standing = directory.standing(uai, day)
            if standing in {"closed", "not_open"} or (standing == "unknown" and directory.complete):
                yield column


def _is_code(text: str) -> bool:
    return COMMUNE.fullmatch(text) is not None and not text.startswith(ABROAD)
