"""The controls that the ministry's instructions for SIFA list, by its own numbers (DOMAIN 6.2), as far as one file can tell.

What its portal never lets through, a mandatory field left empty, rejects a line; what can be forced there is a remark. Whether an
establishment is open (IN04) a directory tells beside the file (`sites_of`); README.md says which controls no file can answer, and why.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from operator import itemgetter

from contracts.intake import Finding
from intake.cleaning import departement_of_postcode, postcode_of, uai_of
from intake.formats.v3_fields import is_siret

type Named = Mapping[str, str]

MANDATORY = (
    "NUMERO_UAI", "TYPE_CFA", "SIT_FORM", "UAI_EPLE", "NAT_STR_JUR", "STATUT", "DIPLOME", "DUR_FORM_THEO", "DUR_FORM_REELLE", "AN_FORM",
    "NOM", "PRENOM1", "ADRESSE", "DATE_NAIS", "LIEU_NAIS", "SEXE", "SIT_N_1", "ETAB_N_1",
)  # fmt: skip
CHECKED_LATER = frozenset({"NUMERO_UAI", "NOM", "PRENOM1", "DATE_NAIS"})
"""Required of every format, so that validation misses them itself."""
CODES: dict[str, re.Pattern[str]] = {
    "TYPE_CFA": re.compile("0[1-9]|10"), "STATUT": re.compile("APP"), "SEXE": re.compile("[12]"), "SIT_N_1": re.compile("[0-9]{4}"),
    "DIP_OBT": re.compile("0[1-9]|1[0-5]|99"), "AN_FORM": re.compile("[0-9]{1,2}"),
}  # fmt: skip
MONTHS = {"DUR_FORM_THEO": range(6, 79), "DUR_FORM_REELLE": range(6, 103)}
NO_UAI = "NC"
SITES = ("SIT_FORM", "UAI_EPLE")
ELSEWHERE = re.compile("0[0-9][0-9AB]|9[0-9]{2}")
"""`ETAB_N_1` where it is no UAI: a département in three characters, or 990 to 995."""
COLLEGE = "10"
OF_COLLEGE = frozenset({"", "01", "02", "03", "99"})
OUT_OF_SCHOOL = frozenset({"5903", "5905", "5907", "9900"})
NOT_CONCERNED = "995"
DIGITS = re.compile("[0-9]{14}")
REMEMBERED = 400_000
ANSWERS = 1 << 14


CODED = itemgetter(*CODES, *MONTHS)
OTHERS = itemgetter(*(name for name in MANDATORY if name not in CHECKED_LATER and name != "DIPLOME"))
WHO = itemgetter("NOM", "PRENOM1", "DATE_NAIS", "LIEU_NAIS")


@dataclass(kw_only=True)
class Doubles:
    """EN01: who stands in the file twice, by INE or identity. Only hashes are kept, and of so many lines."""

    lines: set[int] = field(default_factory=set)
    persons: set[int] = field(default_factory=set)

    def meets_again(self, named: Named, line: str) -> bool:
        """A line that is the same throughout is told as such elsewhere."""
        who = [hash(WHO(named)), *([hash(named["INE_RNIE"])] if named["INE_RNIE"] else [])]
        same, again = hash(line) in self.lines, not self.persons.isdisjoint(who)
        if len(self.lines) < REMEMBERED:
            self.lines.add(hash(line))
            self.persons.update(who)
        return again and not same


def findings_of(named: Named, date_of: Callable[[str], date]) -> Iterator[Finding]:
    """What the controls find in one line. Answers that many lines share are kept, for a census has a million of them."""
    if "" in OTHERS(named) or not (named["DIPLOME"] or named["RNCP"]):
        yield from _missing(named)
    yield from _wrong_codes(CODED(named))
    for name in ("SIT_FORM", "UAI_EPLE", "ETAB_N_1"):
        if not _is_place(name, named[name]):
            yield Finding(field=name, rule="SIFA_IN02")
    if named["DATE_RUPT_CONT"] and _precedes(named["DATE_RUPT_CONT"], named["DATE_DEB_CONT"], date_of):
        yield Finding(field="DATE_RUPT_CONT", rule="SIFA_IN42")
    if _elsewhere(named["COM_RESID"], named["COD_POST"]):
        yield Finding(field="COM_RESID", rule="SIFA_IN51")
    if named["SIT_N_1"].startswith(COLLEGE) and named["DIP_OBT"] not in OF_COLLEGE:
        yield Finding(field="DIP_OBT", rule="SIFA_IN53")
    if named["SIT_N_1"] in OUT_OF_SCHOOL and named["ETAB_N_1"] not in {NOT_CONCERNED, ""}:
        yield Finding(field="ETAB_N_1", rule="SIFA_IN56")
    if rule := _wrong_siret(named["SIRET_EMP"]):
        yield Finding(field="SIRET_EMP", rule=rule)


def sites_of(named: Named) -> tuple[tuple[str, str], ...]:
    """IN04: where the training is given, and the lycée of which it is a part, must be open on the day of observation.

    The filer's own UAI is held to it as that of every list is (`UAI_CLOSED`); `ETAB_N_1` is of the year before, and may have closed since.
    """
    own = named["NUMERO_UAI"]
    return tuple((name, cell) for name in SITES if (cell := named[name]) and cell not in (NO_UAI, own))


def _missing(named: Named) -> Iterator[Finding]:
    for name in MANDATORY:
        if not (named[name] or name in CHECKED_LATER or (name == "DIPLOME" and named["RNCP"])):
            yield Finding(field=name, rule="MISSING_FIELD")


@lru_cache(ANSWERS)
def _wrong_codes(cells: tuple[str, ...]) -> tuple[Finding, ...]:
    """Of the columns of CODED."""
    told = dict(zip((*CODES, *MONTHS), cells, strict=True))
    codes = [name for name, pattern in CODES.items() if told[name] and not pattern.fullmatch(told[name])]
    months = [name for name, range_ in MONTHS.items() if told[name] and not _within(told[name], range_)]
    return (*(Finding(field=name, rule="SIFA_CODE") for name in codes), *(Finding(field=name, rule="SIFA_DURATION") for name in months))


def _within(cell: str, months: range) -> bool:
    return bool(re.fullmatch("[0-9]{1,3}", cell)) and int(cell) in months


@lru_cache(ANSWERS)
def _is_place(name: str, cell: str) -> bool:
    """IN02 of the others than the filer's own UAI, which rejects its line."""
    instead = {"UAI_EPLE": cell == NO_UAI, "ETAB_N_1": ELSEWHERE.fullmatch(cell) is not None}
    return not cell or instead.get(name, False) or uai_of(cell) is not None


def _precedes(broken_on: str, start: str, date_of: Callable[[str], date]) -> bool:
    try:
        return bool(start) and date_of(broken_on) < date_of(start)
    except ValueError:
        return True


@lru_cache(ANSWERS)
def _elsewhere(commune: str, postcode: str) -> bool:
    """The commune's département is not that of the postcode; some communes at a border get their post from beyond it, hence a remark."""
    known = postcode_of(postcode)
    if not re.fullmatch("[0-9]{5}|2[AB][0-9]{3}", commune) or known is None:
        return False
    departement = commune[:3] if commune.startswith(("97", "98")) else commune[:2]
    return departement != departement_of_postcode(known)


@lru_cache(ANSWERS)
def _wrong_siret(cell: str) -> str | None:
    if cell and not DIGITS.fullmatch(cell):
        return "SIFA_IN58"
    return "SIFA_IN59" if cell and not is_siret(cell) else None
