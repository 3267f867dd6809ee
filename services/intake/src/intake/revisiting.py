"""Decisions looked at again in bulk, person by person over the event store: what undoing a rule would touch, its undoing, a what-if."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from functools import reduce
from uuid import UUID, uuid5

import asyncpg

from chassis.decider import Request
from chassis.event_store import Connection, EventStore
from chassis.handler import Handler
from contracts.event import Event
from contracts.intake import DropoutDetected, ExitSeen, PersonEvent
from intake import links
from intake.domain import linked
from intake.domain.commands import PersonCommand, UndoDetection
from intake.domain.detection import Rule
from intake.domain.funnel import place_of
from intake.domain.linked import Together
from intake.domain.person import Person, evolve, would_be_found

AT_ONCE = 200


@dataclass(kw_only=True)
class Impact:
    """The detections of one version that stand: each has a case in followup that would be closed, and transmissions to recall."""

    detections: int = 0
    contested: int = 0
    by_flags: Counter[str] = field(default_factory=Counter)
    by_departement: Counter[str] = field(default_factory=Counter)


@dataclass(kw_only=True)
class Difference:
    """What another version would find, by département. people: all that were looked at."""

    people: int = 0
    added: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, kw_only=True)
class Undone:
    """One page of undoing. after: where to go on, none at the end."""

    undone: int
    after: str | None


@dataclass(frozen=True, kw_only=True)
class Revisiting:
    """Reads the store itself, not a projection that may lag behind it."""

    pool: asyncpg.Pool
    store: EventStore
    handler: Handler[PersonCommand, Person, PersonEvent]

    async def impact(self, rule: str, version: int, places: Collection[str] | None = None) -> Impact:
        """What `undo` would withdraw in these départements, or everywhere; read only."""
        found = Impact()
        async with self.pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            async for page in self._people(connection, DropoutDetected):
                for standing in (state.standing for state in page.values()):
                    if (
                        standing is not None
                        and (standing.rule, standing.version) == (rule, version)
                        and (places is None or standing.departement in places)
                    ):
                        found.detections += 1
                        found.contested += standing.contested is not None
                        found.by_flags[_name(l313_7=standing.flags.l313_7, obligation=standing.flags.obligation_formation)] += 1
                        found.by_departement[standing.departement] += 1
        return found

    async def what_if(self, rule: Rule) -> Difference:
        """Decide everything again by this rule and keep nothing: the transaction is read only."""
        found = Difference()
        async with self.pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            async for page in self._people(connection, ExitSeen):
                places = await _departements(connection, list(page))
                for person_id, state in (await self._whole(connection, page)).items():
                    found.people += 1
                    stands, would = state.standing is not None, would_be_found(state, rule)
                    found.added[places[person_id]] += would and not stands
                    found.removed[places[person_id]] += stands and not would
        return found

    async def funnel(self, rule: Rule) -> Mapping[str, Counter[str]]:
        """How many people of each département whom lists say to have left stand where in the funnel; read only."""
        found: dict[str, Counter[str]] = {}
        async with self.pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            async for page in self._people(connection, ExitSeen):
                departements = await _departements(connection, list(page))
                for person_id, state in (await self._whole(connection, page)).items():
                    if place := place_of(state, rule):
                        found.setdefault(departements[person_id], Counter())[place] += 1
        return found

    async def undo(self, rule: str, version: int, *, after: str, actor: str) -> Undone:
        """Withdraw what this version decided, for some people behind `after`. Asking twice for one detection is asking once.

        Raises:
            chassis.handler.TryAgain: nothing of this page was done.
        """
        async with self.pool.acquire() as connection:
            page = await self._page(connection, DropoutDetected, after)
        if not page:
            return Undone(undone=0, after=None)
        outcomes = await self.handler.handle_all_with(
            [
                _request(UndoDetection(person_id=person_id, rule=rule, version=version), state.standing.detection_id, actor)
                for person_id, state in page.items()
                if state.standing is not None and (state.standing.rule, state.standing.version) == (rule, version)
            ]
        )
        undone = sum(b"DropoutWithdrawn" in outcome.answer and not outcome.repeated for outcome in outcomes)
        return Undone(undone=undone, after=_stream(list(page)[-1]))

    async def _people(self, connection: Connection, having: type[Event]) -> AsyncIterator[Mapping[UUID, Person]]:
        after = ""
        while page := await self._page(connection, having, after):
            yield page
            after = _stream(list(page)[-1])

    async def _whole(self, connection: Connection, page: Mapping[UUID, Person]) -> Mapping[UUID, Person]:
        """People who left, the linked read as one under the first of their ids that left."""
        reached = await links.reached(connection, [person_id for person_id, state in page.items() if state.links])
        loaded = await self.store.load(connection, sorted({_stream(one) for group in reached.values() for one in group}))
        state: Together = reduce(linked.evolve, [event for events in loaded.values() for event in events], {})  # type: ignore[arg-type]  # as below
        whole: dict[UUID, Person] = {}
        for person_id, alone in page.items():
            group = reached.get(person_id, ())
            if not group:
                whole[person_id] = alone
            elif person_id == min(one for one in group if state[one].exits):
                whole[person_id] = linked.merged(state, group)
        return whole

    async def _page(self, connection: Connection, having: type[Event], after: str) -> Mapping[UUID, Person]:
        """The next people of whom such an event was said, as all their events make them."""
        streams = [row["stream_id"] for row in await connection.fetch(STREAMS, having.wire_type(), after, AT_ONCE)]
        loaded = await self.store.load(connection, streams)
        return {UUID(stream.removeprefix("person-")): reduce(evolve, loaded[stream], Person()) for stream in streams}  # type: ignore[arg-type]  # a person's stream holds a person's events


def _request(command: UndoDetection, detection_id: UUID, actor: str) -> Request[PersonCommand]:
    command_id = uuid5(detection_id, "undo")
    return Request(command=command, command_id=command_id, actor=actor, correlation_id=command_id, route="undo")


def _stream(person_id: UUID) -> str:
    return f"person-{person_id}"


def _name(*, l313_7: bool, obligation: bool) -> str:
    return "both" if l313_7 and obligation else "l313_7_only" if l313_7 else "obligation_only"


async def _departements(connection: Connection, people: list[UUID]) -> dict[UUID, str]:
    return {row["person_id"]: row["departement"] for row in await connection.fetch(PLACES, people)}


STREAMS = "select distinct stream_id from events where type = $1 and stream_id > $2 order by stream_id limit $3"
PLACES = "select person_id, departement from person_derived where person_id = any($1::uuid[])"
