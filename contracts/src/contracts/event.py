"""What every event is: frozen, said by one speaker, about one subject, in one stream, with a name on the wire."""

from datetime import date
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

NAMESPACE = "fr.raccroche"


class Event(BaseModel):
    """A fact in the past tense. Readers ignore fields they do not know; an unknown enum value or type is parked."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    speaker: ClassVar[str]
    version: ClassVar[int] = 1
    private: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        """Whom or what it is about: the Kafka key."""
        raise NotImplementedError

    @property
    def stream(self) -> str:
        """The stream whose version orders it."""
        raise NotImplementedError

    def happened(self) -> date | None:
        """The day on which it happened, where the event itself knows; else whoever records it says when."""
        return None

    @classmethod
    def wire_type(cls) -> str:
        return f"{NAMESPACE}.{cls.speaker}.{cls.__name__}.v{cls.version}"

    def to_bytes(self) -> bytes:
        """The one serialisation: called once, when the event is appended."""
        return self.model_dump_json().encode()
