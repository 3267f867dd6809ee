"""A story stands in the order in which we knew it, says what caused what, and shows two clocks."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from history.projections.story import HeardRow, story_of

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


def row(sequence: int, *, source: str = "/raccroche/intake", minutes: int = 0, because: int | None = None) -> HeardRow:
    return HeardRow(
        source=source, sequence=sequence, event_id=UUID(int=sequence), type=f"fr.raccroche.intake.Fact{sequence}.v1", stream_id="person-1",
        stream_version=sequence, happened_at=NOON - timedelta(days=20), recorded_at=NOON + timedelta(minutes=minutes), actor="someone",
        correlation_id=UUID(int=9), causation_id=None if because is None else UUID(int=because), body=b'{"n":1}',
    )  # fmt: skip


def test_a_story_is_told_in_the_order_in_which_we_knew() -> None:
    rows = [row(3, minutes=1), row(2, source="/raccroche/offers"), row(1, minutes=2), row(1)]
    told = [(event["recordedtime"][11:16], event["source"], event["sequence"]) for event in story_of(rows, {})]
    assert told == [
        ("12:00", "/raccroche/intake", 1), ("12:00", "/raccroche/offers", 2),
        ("12:01", "/raccroche/intake", 3), ("12:02", "/raccroche/intake", 1),
    ]  # fmt: skip


def test_when_it_happened_and_when_we_knew_are_told_apart() -> None:
    (event,) = story_of([row(1)], {})
    assert (event["time"], event["recordedtime"]) == ("2026-01-12T12:00:00.000000Z", "2026-02-01T12:00:00.000000Z")


def test_what_caused_an_event_is_named_where_it_was_heard() -> None:
    caused, unheard = story_of([row(2, because=1), row(3, because=8)], {UUID(int=1): "fr.raccroche.intake.Fact1.v1"})
    assert caused["cause"] == {"type": "fr.raccroche.intake.Fact1.v1", "id": str(UUID(int=1))}
    assert (unheard["cause"], unheard["causationid"]) == (None, str(UUID(int=8)))


def test_the_body_is_what_was_said() -> None:
    (event,) = story_of([row(1)], {})
    assert event["body"] == {"n": 1}
