"""What the other rooms say with: that intake is the speaker, whether a list or a young person is meant, and the words that several use."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import StringConstraints

from contracts.event import Event
from contracts.fields import PersonId, Pseudonymous, Public

ListFormat = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,30}$")]
ExitOrigin = Literal["list", "report", "self", "absence", "campaign"]
LinkReason = Literal["sender_confirmed", "document_seen", "young_person_said", "mistake", "other"]


class IntakeEvent(Event):
    """Said by intake."""

    speaker: ClassVar[str] = "intake"


class OfList(IntakeEvent):
    """About a list: of many lines, of one, or of a whole campaign."""

    list_id: Public[UUID]

    @property
    def subject(self) -> str:
        return str(self.list_id)

    @property
    def stream(self) -> str:
        return f"list-{self.list_id}"


LINES_TOGETHER = 1000


def stream_of_lines(list_id: UUID, line: int) -> str:
    """Where the past of this line is kept, with that of its neighbours: so the past of a long list of bad lines is never read whole."""
    return f"list-{list_id}-lines-{line // LINES_TOGETHER}"


class OfLine(OfList):
    """About one line of a list, by its number in the file."""

    line: Public[int]

    @property
    def stream(self) -> str:
        return stream_of_lines(self.list_id, self.line)


class OfPerson(IntakeEvent):
    """About a young person, known by an opaque id."""

    person_id: Pseudonymous[PersonId]

    @property
    def subject(self) -> str:
        return str(self.person_id)

    @property
    def stream(self) -> str:
        return f"person-{self.person_id}"
