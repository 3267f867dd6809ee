"""Numbers of the right shape that belong to nobody: INE (DOMAIN 5.2) and telephone numbers in ARCEP's ranges for fiction."""

from random import Random

_KEYS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_RNIE_KEYS = "ABCDEFGHJK"
_MILLION = 1_000_000
# ARCEP also keeps 06 39 98, but public numbering libraries do not know it as a mobile range.
_FICTION_RANGES = ("019900", "026191", "035301", "046571", "053649")


def ine_of(index: int, chance: Random) -> str:
    """INE-RNIE, INE-BEA (letter = number mod 23) or INE-apprentissage; the person's index inside keeps it unique."""
    if index >= _MILLION:
        raise ValueError("at most a million people")
    kind = chance.random()
    if kind < 0.6:
        return f"{chance.randint(100, 999)}{index:06d}{chance.choice(_RNIE_KEYS)}{chance.choice(_RNIE_KEYS)}"
    if kind < 0.9:
        number = chance.randint(1000, 9999) * _MILLION + index
        return f"{number:010d}{_KEYS[number % 23]}"
    thousands, rest = divmod(index, 100_000)
    return f"{chance.randint(100, 999)}{thousands}A{rest:05d}{chance.choice(_KEYS)}"


def phone_of(number: int, chance: Random) -> str:
    """Ten national digits; unique as far as fifty thousand numbers reach, then shared, as families do."""
    series, place = divmod(number, 10_000)
    start = chance.randrange(len(_FICTION_RANGES)) if number >= 50_000 else series
    return f"{_FICTION_RANGES[start]}{place:04d}"


def spaced(phone: str) -> str:
    return " ".join(phone[start : start + 2] for start in range(0, 10, 2))


def international(phone: str) -> str:
    """E.164."""
    return "+33" + phone[1:]
