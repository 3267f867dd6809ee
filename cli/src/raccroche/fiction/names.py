"""Invented names: long, odd and unlike any word, so that a search for them in the raw bytes of a system proves something."""

import unicodedata
from random import Random

_HEADS = ("zor", "quel", "brav", "ghyl", "vork", "plix", "drez", "skol", "trem", "fyrn", "gwaz", "jurv", "klem", "mroz",
          "nyx", "pszal", "rhuv", "snyg", "tweg", "vlad", "wurz", "xam", "yvr", "zhul", "cruv", "dwin", "fluz", "grib", "hjal",
          "kvist")  # fmt: skip
_HEARTS = ("évo", "ami", "oubè", "ika", "uro", "eni", "ypé", "alu", "iro", "ebo", "oda", "uvi", "arè", "omi", "ézu", "ina", "oxa", "udé",
           "ity", "aké", "owi", "ému", "iba", "ugo", "azi", "opi", "uké", "éto", "iwa", "ydo")  # fmt: skip
_TAILS = ("drouc", "chenk", "blarv", "gnost", "vrelk", "spunz", "tharg", "krolm", "mbrez", "ndisk", "plurz", "quorv", "rsten", "schwog",
          "twimp", "vlosk", "xhert", "zgrun", "fjelk", "hlund", "ktorv", "ldrig", "nczak", "prulk", "rzeng", "strov", "wynck", "zmild",
          "gdurn", "bzelk")  # fmt: skip
_FIRST_TAILS = ("linde", "vrael", "thienn", "quiane", "zelle", "morvie", "drielle", "phanor", "bryane", "xelian", "gwenor", "jolianx")
_COMBINATIONS = len(_HEADS) * len(_HEARTS) * len(_TAILS)


def family_name(number: int) -> str:
    """The one family name of this number: two numbers never share one."""
    rounds, place = divmod(number, _COMBINATIONS)
    place = place * 7919 % _COMBINATIONS
    place, tail = divmod(place, len(_TAILS))
    head, heart = divmod(place, len(_HEARTS))
    again = "".join(_HEARTS[int(digit)] for digit in str(rounds)) if rounds else ""
    return (_HEADS[head] + _HEARTS[heart] + again + _TAILS[tail]).capitalize()


def first_name(chance: Random) -> str:
    return (chance.choice(_HEADS) + chance.choice(_HEARTS) + chance.choice(_FIRST_TAILS)).capitalize()


def folded(text: str) -> str:
    """Upper case without accents, as SIFA wants its names and as SIECLE writes family names (DOMAIN 5.6)."""
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).upper()
