"""One cell at a time: text from a file becomes a clean value, or nothing where it is not one."""

import re
import unicodedata
from datetime import date, timedelta
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType

UAI_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
UAI = re.compile(r"[0-9]{7}[A-HJ-NPR-Z]")
INE = re.compile(r"[0-9]{9}[A-HJK]{2}|[0-9]{10}[A-HJ-NPR-Z]|[0-9]{4}[AD][0-9]{5}[A-HJ-NPR-Z]|[0-9A-Z]{10}[0-9]")
NO_INE = re.compile("|".join(f"{digit}{{9}}(?:{digit}|[A-Z]{{2}})|{digit}{{4}}[A-Z]{digit}{{5}}" for digit in range(10)) + "|[A-Z]{4}")
"""How what is typed for want of an INE begins: one digit throughout, in any form, or a word. DuckDB reads it too (no back-references)."""
NAME = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ'’ʼ\-. ]{1,200}")
NOT_COMPOSED = str.maketrans({
    "Œ": "OE", "Æ": "AE", "Ø": "O", "Đ": "D", "Ð": "D", "Ł": "L", "Ħ": "H", "Ŧ": "T", "Þ": "TH", "Ŋ": "N", "Ə": "A", "Ɖ": "D", "Ɓ": "B",
    "Ɗ": "D", "Ƙ": "K", "Ƴ": "Y", "Ǥ": "G", "Ɨ": "I", "Ʉ": "U", "Ɛ": "E", "Ɔ": "O",
})  # fmt: skip
"""Capitals that Unicode does not take apart; what else it leaves whole is no letter of a name in France's files."""

NO_CAPITAL = re.compile(r"[^A-Z]+")
LETTER = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]")
EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}")
SCHOOLS_EMAIL = re.compile(
    r"(?:ce\.\d{7}[a-z]|secretariat|accueil|contact|scolarite|vie-?scolaire|proviseur|principal|direction|intendance|cfa|lycee)(?:[.\-_+][^@]*)?@.*"
    r"|[^@]*@(?:ac-[a-z-]+|(?:[a-z0-9-]+\.)*education\.gouv)\.fr",
    re.IGNORECASE,
)
"""Mailboxes of establishments and académies, where a young person reads nothing."""
FIRST_YEAR, LAST_YEAR = 1800, 2100
NO_DIGIT = re.compile(r"[^0-9+]")
NATIONAL_NUMBER = re.compile(r"0[1-9][0-9]{8}")
MANY_DIGITS = re.compile(r"(?:[0-9][ .-]?){12}")
DIPLOMA = re.compile(r"0[1-9]|1[0-5]|99")
POSTCODE = re.compile(r"[0-9]{4,5}")
DEPARTEMENT = re.compile(r"0[1-9]|[1-8][0-9]|9[0-5]|2A|2B|97[1-8]|98[678]")
REGIONS = {
    "0590": "GP", "0690": "GP", "0594": "GF", "0694": "GF", "0596": "MQ", "0696": "MQ",
    "0262": "RE", "0692": "RE", "0693": "RE", "0269": "YT", "0639": "YT",
}  # fmt: skip
SPELT = str.maketrans({"‐": "-", "‑": "-", "–": "-", "−": "-", "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl"})
"""Typographic hyphens and ligatures, as word processors make them."""
SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?E[+-]?\d{1,3}|\d+[.,]\d+", re.ASCII | re.IGNORECASE)
SERIAL = re.compile(r"\d{5}(?:[.,]\d+)?", re.ASCII)
SERIALS_FROM = date(1899, 12, 30)
LABEL = re.compile(r"[0-9A-Za-zÀ-ÖØ-öø-ÿŒœ'’./ \-]{1,40}")
FORBIDDEN = re.compile(
    r"\b(?:HANDICAP\w*|RQTH|MDPH|MALAD\w+|SANTE|MEDIC\w+|MEDECIN\w*|PSYCHI\w+|HOSPITAL\w+|DEPRESSI\w+|TOXICO\w+|ALCOOL\w*|ENCEINTE|GROSSESSE"
    r"|NATIONALITE\w*|SANS PAPIERS?|ASILE|EXPULS\w+|RELIGI\w+|ETHNI\w+"
    r"|JUSTICE|JUDICIAIRE\w*|PRISON\w*|INCARCER\w+|DETENU\w*|DELINQU\w*|DELITS?|CONDAMN\w+|PJJ|GARDE A VUE"
    r"|ASE|DIVORCE\w*|ORPHELIN\w*|PERE|MERE|PARENTS?|FAMIL\w+)\b"
)
"""Health, nationality and origin, justice, family: what no list of leavers may say (CNIL on the SIEI; DOMAIN 2.3)."""
TWO_PHONES = re.compile(r"[/;,|\n]|\bou\b|\bet\b", re.IGNORECASE)
NOT_A_PERSONS = frozenset({
    PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PAGER, PhoneNumberType.VOICEMAIL, PhoneNumberType.UAN,
    PhoneNumberType.UNKNOWN,  # what a number that is not valid is of
})  # fmt: skip


def plain(text: str) -> str:
    """NFC, without invisible characters, every run of spaces as one."""
    if text.isascii():
        return " ".join(text.split())
    composed = unicodedata.normalize("NFC", text)
    return " ".join("".join(c for c in composed if unicodedata.category(c) != "Cf").split())


def believable(day: date) -> date:
    """The day, if anything of a school's can be dated so.

    Raises:
        ValueError: before 1800 or after 2100.
    """
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError("no such year")
    return day


def folded(text: str) -> str:
    """For matching only: capitals, no accents, letters alone (œ as OE, æ as AE)."""
    upper = text.upper()
    if not upper.isascii():
        upper = unicodedata.normalize("NFKD", upper.translate(NOT_COMPOSED))
    return NO_CAPITAL.sub("", upper)


def name_of(text: str) -> str | None:
    """A name of civil status, in its own spelling; none if it has digits, signs, no letter, or another script."""
    name = plain(text.translate(SPELT))
    return name if NAME.fullmatch(name) and LETTER.search(name) else None


def confusable(text: str) -> bool:
    """Does a name mix Latin letters with those of another script, which look the same and are not (Cyrillic а, full-width Ａ)?"""
    name = plain(text.translate(SPELT))
    latin = "".join("x" if character.isalpha() and not LETTER.match(character) else character for character in name)
    return latin != name and LETTER.search(name) is not None and name_of(latin) is not None


def uai_of(text: str) -> str | None:
    """A UAI with a right check letter (DOMAIN 5.1)."""
    code = text.strip().upper()
    return code if UAI.fullmatch(code) and UAI_LETTERS[int(code[:7]) % 23] == code[7] else None


def ine_of(text: str) -> str | None:
    """An INE by its form; its keys are not sourced well enough to refuse one (DOMAIN 5.2). What stands for an unknown one is none."""
    code = "".join(text.split()).upper()
    return code if INE.fullmatch(code) and not NO_INE.match(code) else None


def mangled(text: str) -> bool:
    """Has a spreadsheet made a number of what was a code: scientific notation, or decimals?"""
    return SCIENTIFIC.fullmatch(text.strip()) is not None


def serial_date(text: str) -> date | None:
    """The day that a spreadsheet's serial number stands for, where a date was turned into one (45292 is 2024-01-01)."""
    found = SERIAL.fullmatch(text.strip())
    return SERIALS_FROM + timedelta(days=int(re.split(r"[.,]", found[0])[0])) if found else None


def label_of(text: str) -> str | None:
    """A code or a short label, of which nothing is free text."""
    label = plain(text)
    return label if LABEL.fullmatch(label) and not MANY_DIGITS.search(label) and not forbidden(label) else None


def forbidden(text: str) -> bool:
    """Does a text speak of health, nationality, justice or family?"""
    bare = unicodedata.normalize("NFKD", plain(text)).encode("ascii", "ignore").decode().upper()
    return FORBIDDEN.search(re.sub(r"[^A-Z0-9]+", " ", bare)) is not None


def phones_of(cell: str) -> tuple[str | None, ...]:
    """Each number of a cell, which sometimes holds two; none in the place of one that is not valid."""
    whole = phone_of(cell)
    return (whole,) if whole else tuple(phone_of(piece) for piece in TWO_PHONES.split(cell) if piece.strip()) or (None,)


def phone_of(text: str) -> str | None:
    """E.164, for a number on which a person can be reached; the prefix tells the overseas region."""
    digits = NO_DIGIT.sub("", text)
    region = REGIONS.get(digits[:4], "FR")
    if region == "FR" and NATIONAL_NUMBER.fullmatch(digits):
        return f"+33{digits[1:]}" if _reaches_a_person(digits[:6]) else None
    try:
        number = phonenumbers.parse(digits, region)
    except NumberParseException:
        return None
    if phonenumbers.number_type(number) in NOT_A_PERSONS:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=100_000)
def _reaches_a_person(block: str) -> bool:
    """Asked once for each 0ZABPQ of mainland France: numbers are given out by ten thousands, for one use (Arcep, décision 2018-0881)."""
    return phonenumbers.number_type(PhoneNumber(country_code=33, national_number=int(f"{block[1:]}0000"))) not in NOT_A_PERSONS


def email_of(text: str) -> str | None:
    address = plain(text)
    return address if len(address) <= 254 and EMAIL.fullmatch(address) else None


def is_a_schools(email: str) -> bool:
    """Is it the mailbox of an establishment or an académie?"""
    return SCHOOLS_EMAIL.fullmatch(email) is not None


def postcode_of(text: str) -> str | None:
    """Five digits (spreadsheets drop the first zero), of a known département."""
    code = text.strip()
    if not POSTCODE.fullmatch(code):
        return None
    return code.zfill(5) if departement_of_postcode(code.zfill(5)) else None


def departement_of_postcode(postcode: str) -> str | None:
    if postcode.startswith("20"):
        return {"200": "2A", "201": "2A", "202": "2B", "206": "2B"}.get(postcode[:3])
    found = postcode[:3] if postcode.startswith(("97", "98")) else postcode[:2]
    return found if DEPARTEMENT.fullmatch(found) else None


def departement_of_uai(uai: str) -> str | None:
    """Métropole 0NN, Corsica 620 and 720, overseas its three digits."""
    prefix = uai[:3]
    found = {"620": "2A", "720": "2B"}.get(prefix) or (prefix[1:] if prefix.startswith("0") else prefix)
    return found if DEPARTEMENT.fullmatch(found) else None


def uai_prefix_of(departement: str) -> str:
    """The first three characters of the UAI of a département's establishments (DOMAIN 5.1)."""
    return {"2A": "620", "2B": "720"}.get(departement, departement.zfill(3))
