"""A platform as a partner would build it: it hears referrals on the topic and answers each by HTTP with its own token."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from aiokafka import AIOKafkaConsumer

from contracts.catalogue import decode, topic_of
from contracts.envelope import from_headers
from contracts.offers import ReferralCancelled, ReferralMade
from raccroche.demo.callers import Caller, NotTaken


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the host will say: accepted, or a decline motive."""

    motive: str | None

    @property
    def path(self) -> str:
        return "accept" if self.motive is None else "decline"

    @property
    def body(self) -> dict[str, str]:
        return {} if self.motive is None else {"motive": self.motive}


@dataclass(kw_only=True)
class Platform:
    """One organisation that hosts young people.

    answer_for: what it will say about a person, none if it never answers. answered: referrals that it has dealt with.
    """

    organisation: str
    bootstrap: str
    caller: Caller
    answer_for: Callable[[UUID], Answer | None]
    answered: set[UUID] = field(default_factory=set)
    cancelled: set[UUID] = field(default_factory=set)

    async def listen(self) -> None:
        """Hear the offers' topic from its beginning until cancelled."""
        consumer = AIOKafkaConsumer(
            topic_of("offers"), bootstrap_servers=self.bootstrap, group_id=f"platform.{self.organisation}",
            auto_offset_reset="earliest", enable_auto_commit=False,
        )  # fmt: skip
        await consumer.start()
        try:
            while True:
                records = [one for share in (await consumer.getmany(timeout_ms=200)).values() for one in share]
                events = [decode(from_headers(one.headers).attributes.type, one.value) for one in records]
                await asyncio.gather(*(self._hear(event) for event in events))
                if records:
                    await consumer.commit()
        finally:
            await consumer.stop()

    async def _hear(self, event: object) -> None:
        match event:
            case ReferralMade(organisation=self.organisation):
                await self._answer(event)
            case ReferralCancelled():
                self.cancelled.add(event.referral_id)
            case _:
                return

    async def _answer(self, referral: ReferralMade) -> None:
        answer = self.answer_for(referral.person_id)
        if answer is not None:
            key = uuid5(referral.referral_id, "answer")
            try:
                await self.caller.post(f"/referrals/{referral.referral_id}/{answer.path}", answer.body, key=key)
            except NotTaken as refused:
                if refused.status != CANCELLED_MEANWHILE:
                    raise
        self.answered.add(referral.referral_id)


CANCELLED_MEANWHILE = 409


async def all_answered(platforms: Mapping[str, Platform], referrals: set[UUID]) -> None:
    """Wait until every one of these referrals was heard and answered by its platform."""
    while not referrals <= set().union(*(platform.answered for platform in platforms.values())):
        await asyncio.sleep(0.1)
