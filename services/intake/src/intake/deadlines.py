"""What intake does when nobody does anything in time: each timer asks its decider, which knows whether it still matters."""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.clock import Clock
from chassis.event_store import Connection
from chassis.handler import Handler
from chassis.timers import Timer, ringing
from contracts.intake import ListEvent
from intake import holding, roster, sources
from intake.domain.list import SentList
from intake.domain.list_commands import ListCommand
from intake.sources import SourceHandler


@dataclass(frozen=True, kw_only=True)
class Ringing:
    """Asks what is due."""

    lists: Handler[ListCommand, SentList, ListEvent]
    sources: SourceHandler
    clock: Clock

    async def __call__(self, connection: Connection, timers: Sequence[Timer]) -> None:
        for timer in timers:
            match timer.kind:
                case holding.TIMER:
                    await self._refuse(connection, timer)
                case sources.TIMER:
                    await self.sources.handle_in(connection, [ringing(timer, sources.question_of(timer), actor=sources.ACTOR)])
                case roster.TIMER:
                    await roster.expire(connection, timer)
                case unknown:
                    raise RuntimeError(f"nobody set a timer of kind {unknown}")

    async def _refuse(self, connection: Connection, timer: Timer) -> None:
        command = holding.refusal_of(timer)
        await self.lists.handle_in(connection, [ringing(timer, command, actor=holding.ACTOR)])
        await holding.refused(connection, command.list_id, self.clock)
