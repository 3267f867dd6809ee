"""Pupils, complete lists and what became of them, for the tests of absence on a real PostgreSQL."""

from datetime import date
from uuid import UUID

from intake_house import House
from intake_specimens import UAI, eleves_xml

from contracts.intake import ExitSeen

FIRST, SECOND, THIRD, FOURTH = (UUID(int=n) for n in range(501, 505))


APART = tuple(UUID(int=n << 120 | n) for n in range(1, 4))
"""Lists that several readers may hold at once: the lock is of an id's first half."""


JANUARY, FEBRUARY, MARCH, APRIL = (date(2026, month, 1) for month in range(1, 5))


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def eleve(
    ine: str = "0123456789A", *, name: str = "DUVALLON", first: str = "Maïa", born: str = "14/05/2008", left: str = "", mef: str = "2472521431",
    entered: str = "01/09/2025",
) -> str:  # fmt: skip
    return (
        f'<ELEVE ELEVE_ID="7"><ID_NATIONAL>{ine}</ID_NATIONAL><NOM_DE_FAMILLE>{name}</NOM_DE_FAMILLE><PRENOM>{first}</PRENOM>'
        f"<DATE_NAISS>{born}</DATE_NAISS><DATE_ENTREE>{entered}</DATE_ENTREE><DATE_SORTIE>{left}</DATE_SORTIE><CODE_SEXE>2</CODE_SEXE>"
        f"<CODE_PAYS>100</CODE_PAYS><CODE_COMMUNE_INSEE_NAISS>44109</CODE_COMMUNE_INSEE_NAISS><CODE_MEF>{mef}</CODE_MEF>"
        "<TEL_PORTABLE>0612345678</TEL_PORTABLE><ADRESSE_ID>70</ADRESSE_ID></ELEVE>"
    )


def other(n: int) -> str:
    """Somebody else, by INE and name."""
    return eleve(f"{n:010d}B", name=f"AUTREMONT{''.join(LETTERS[int(digit)] for digit in str(n))}", first="Noé")


STAYS = other(1)


async def told(intake: House, list_id: UUID, on: date, *eleves: str, uai: str = UAI) -> None:
    """A complete list comes in and is read."""
    await intake.send(list_id, eleves_xml(*eleves, uai=uai), list_format="siecle", sender=uai, reference_date=on)
    await intake.read_all()


async def exits(intake: House) -> list[ExitSeen]:
    return [one for one in await intake.events(ExitSeen) if isinstance(one, ExitSeen)]


async def roster(intake: House) -> int:
    return int(await intake.pool.fetchval("select count(*) from roster"))
