"""The personal data that may exist here, in the clear only at an edge that holds the keys.

The list is closed by law: identity, coordinates, last schooling, legal representatives (arrêté du 15 octobre 2020, as
DOMAIN 2.3 reports it). There is no field for NIR, health, nationality, family situation or offences, so none can land.
"""

from datetime import date
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict


class Personal(BaseModel):
    """Frozen and strict; its repr shows no value, so that no log or traceback can."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    __str__ = __repr__


class Identity(Personal):
    """Who the young person is."""

    data_class: ClassVar[str] = "identity"
    ine: str | None
    family_name: str
    usage_name: str | None = None
    first_names: tuple[str, ...]
    birth_date: date
    birth_commune: str | None = None
    sex: Literal["1", "2"] | None = None


class PostalAddress(Personal):
    """Where a letter reaches someone."""

    lines: tuple[str, ...]
    postcode: str | None
    commune: str | None


class Contact(Personal):
    """How the young person can be reached. Phones in E.164."""

    data_class: ClassVar[str] = "contact"
    phones: tuple[str, ...] = ()
    email: str | None = None
    address: PostalAddress | None = None


class Guardian(Personal):
    """One legal representative."""

    family_name: str
    first_name: str | None = None
    phones: tuple[str, ...] = ()
    email: str | None = None
    priority: int | None = None


class Guardians(Personal):
    """The legal representatives of a young person."""

    data_class: ClassVar[str] = "guardians"
    guardians: tuple[Guardian, ...] = ()


class Note(Personal):
    """An adviser's free text: never published, never transmitted."""

    data_class: ClassVar[str] = "notes"
    text: str
