"""One cell at a time: text from a file becomes a clean value, or nothing where it is not one."""

import re
import unicodedata

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

UAI_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
UAI = re.compile(r"[0-9]{7}[A-HJ-NPR-Z]")
INE = re.compile(r"[0-9]{9}[A-HJK]{2}|[0-9]{10}[A-HJ-NPR-Z]|[0-9]{4}[AD][0-9]{5}[A-HJ-NPR-Z]|[0-9A-Z]{10}[0-9]")
NAME = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ'’ʼ\-. ]{1,200}")
NO_CAPITAL = re.compile(r"[^A-Z]+")
LETTER = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]")
EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}")
POSTCODE = re.compile(r"[0-9]{4,5}")
DEPARTEMENT = re.compile(r"0[1-9]|[1-8][0-9]|9[0-5]|2A|2B|97[1-8]|98[678]")
REGIONS = {
    "0590": "GP", "0690": "GP", "0594": "GF", "0694": "GF", "0596": "MQ", "0696": "MQ",
    "0262": "RE", "0692": "RE", "0693": "RE", "0269": "YT", "0639": "YT",
}  # fmt: skip
NOT_A_PERSONS = frozenset({
    PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PAGER, PhoneNumberType.VOICEMAIL, PhoneNumberType.UAN,
    PhoneNumberType.UNKNOWN,  # what a number that is not valid is of
})  # fmt: skip


def plain(text: str) -> str:
    """NFC, without invisible characters, every run of spaces as one."""
    composed = unicodedata.normalize("NFC", text)
    if composed.isascii():
        return " ".join(composed.split())
    return " ".join("".join(c for c in composed if unicodedata.category(c) != "Cf").split())


def folded(text: str) -> str:
    """For matching only: capitals, no accents, letters alone (œ as OE, æ as AE)."""
    upper = text.upper()
    if not upper.isascii():
        upper = unicodedata.normalize("NFKD", upper.replace("Œ", "OE").replace("Æ", "AE").replace("Ø", "O"))
    return NO_CAPITAL.sub("", upper)


def name_of(text: str) -> str | None:
    """A name of civil status, in its own spelling; none if it has digits, signs, no letter, or another script."""
    name = plain(text)
    return name if NAME.fullmatch(name) and LETTER.search(name) else None


def uai_of(text: str) -> str | None:
    """A UAI with a right check letter (DOMAIN 5.1)."""
    code = text.strip().upper()
    return code if UAI.fullmatch(code) and UAI_LETTERS[int(code[:7]) % 23] == code[7] else None


def ine_of(text: str) -> str | None:
    """An INE by its form; its keys are not sourced well enough to refuse one (DOMAIN 5.2)."""
    code = "".join(text.split()).upper()
    return code if INE.fullmatch(code) else None


def phone_of(text: str) -> str | None:
    """E.164, for a number on which a person can be reached; the prefix tells the overseas region."""
    digits = re.sub(r"[^0-9+]", "", text)
    try:
        number = phonenumbers.parse(digits, REGIONS.get(digits[:4], "FR"))
    except NumberParseException:
        return None
    if phonenumbers.number_type(number) in NOT_A_PERSONS:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def email_of(text: str) -> str | None:
    address = plain(text)
    return address if len(address) <= 254 and EMAIL.fullmatch(address) else None


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
