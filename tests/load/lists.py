"""A national SIFA census, sent and read to its last verdict, beside the parsing of the same bytes and nothing else."""

from datetime import date, timedelta
from random import Random

from raccroche.fiction import identifiers, names, sifa
from raccroche.fiction.lines import Line
from raccroche.fiction.vocabulary import Dirt, ListName

LINES = 200_000
UAI = "0440074S"
REFERENCE = date(2025, 12, 31)
ASKED_SECONDS = 30.0


def census_of(count: int, seed: int = 7) -> bytes:
    """So many apprentices of one body; every hundredth line is broken, one in fifty is under 16."""
    chance = Random(seed)
    return sifa.census([_line(number, chance) for number in range(count)])


def _line(number: int, chance: Random) -> Line:
    born = date(2001, 1, 1) + timedelta(days=chance.randrange(3200)) if number % 50 else date(2011, 6, 1)
    return Line(
        where=ListName.CFA_CENSUS, key=str(number), uai=UAI, ine=identifiers.ine_of(number, chance), family_name=names.family_name(number),
        first_name=names.first_name(chance), birth_date=born, birth_commune="44109", sex=chance.choice("12"),
        phone=identifiers.phone_of(number, chance), email=f"apprenti{number}@exemple.fr", address=f"{number % 90 + 1} rue des Essais",
        postcode="44600", commune="Saint-Nazaire", guardian_family_name="", guardian_first_name="", guardian_phone="", guardian_email="",
        formation="", diploma="03", motive="", entry=date(2025, 9, 1), exit=None,
        broken=Dirt.TOO_FEW_COLUMNS if number % 100 == 1 else Dirt.NONE,
    )  # fmt: skip
