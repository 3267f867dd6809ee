"""The entrance for whoever erases a person: everybody who is linked to them is erased with them, by one request."""

from dataclasses import dataclass, replace
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from chassis.callers import Caller, require
from chassis.decider import Outcome, asked
from chassis.decider import Request as Wish
from chassis.event_store import Conflict, Connection
from chassis.handler import StreamBusy
from chassis.http import IdempotencyKey, current_trace, route_of
from chassis.keyring import Keyring
from intake import links, lists, persons, roster
from intake.domain.linked import ErasePersons
from intake.links import PersonHandler
from intake.reviewing import NO_PERSON

Ops = Annotated[Caller, Depends(require("ops"))]


@dataclass(frozen=True, kw_only=True)
class Erasing:
    """Erases: the keys go before the fact is said, so that what is cut is done by whoever asks again."""

    pool: asyncpg.Pool
    persons: PersonHandler
    keyring: Keyring

    async def erase(self, wish: Wish[ErasePersons]) -> Outcome:
        """Raises chassis.handler.StreamBusy: others kept writing; the keys may be gone, and the request is to be repeated."""
        for _ in range(links.ATTEMPTS):
            try:
                async with self.pool.acquire() as connection, connection.transaction():
                    outcome = await self._erase(connection, wish)
            except (Conflict, asyncpg.DeadlockDetectedError):
                continue
            self.persons.committed()
            return outcome
        raise StreamBusy("others kept writing first")

    async def _erase(self, connection: Connection, wish: Wish[ErasePersons]) -> Outcome:
        """No link changes meanwhile, and no line is taken that may mean one of them: what was told before goes with them."""
        people = await self._alone_with(connection, wish.command.asked_of)
        (outcome,) = await links.together(self.persons).handle_in(connection, [replace(wish, command=replace(wish.command, people=people))])
        await roster.erase(connection, await persons.known_by(connection, people))
        await lists.forget_held(connection, people)
        await persons.forget(connection, people)
        await self.keyring.destroy(people)
        return outcome

    @staticmethod
    async def _alone_with(connection: Connection, person_id: UUID) -> tuple[UUID, ...]:
        """The person and everybody linked. Identities before links, as everywhere; whoever is linked meanwhile is held as well."""
        await persons.hold(connection, await _linked(connection, person_id))
        await connection.execute(links.ALONE)
        people = await _linked(connection, person_id)
        await persons.hold(connection, people)
        return people


async def _linked(connection: Connection, person_id: UUID) -> tuple[UUID, ...]:
    return (await links.reached(connection, [person_id])).get(person_id, (person_id,))


def erasing_routes(erasing: Erasing) -> APIRouter:
    router = APIRouter()

    @router.post("/persons/{person_id}/erase")
    async def erase(person_id: UUID, request: Request, caller: Ops, key: IdempotencyKey) -> Response:
        if not await erasing.pool.fetchval(KNOWN, person_id):
            raise NO_PERSON
        wish = asked(
            ErasePersons(asked_of=person_id, people=(person_id,)), key=key, actor=caller.actor, route=route_of(request),
            body=await request.body(), trace=current_trace(),
        )  # fmt: skip
        outcome = await erasing.erase(wish)
        return Response(outcome.answer, status_code=201, media_type="application/json")

    return router


KNOWN = "select exists (select from person_derived where person_id = $1)"
