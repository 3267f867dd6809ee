"""The play in phases: designations and offers, enrolments, leavers, advisers and platforms, late enrolments, what returns.

Each phase begins when nothing is under way, so that the truth does not depend on what arrived first. Whatever is asked is
asked under a key that derives from what it is about, so that a service killed in the middle is simply asked again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID, uuid5

import httpx

from chassis.clock import REREAD_SECONDS
from raccroche.demo.callers import Caller
from raccroche.demo.platforms import Answer, Platform, all_answered
from raccroche.demo.recipients import Recipient
from raccroche.demo.settling import settle
from raccroche.fiction import Fiction, ListFile
from raccroche.fiction.people import Person
from raccroche.fiction.plan import Plan
from raccroche.fiction.territory import DEPARTEMENTS
from raccroche.house import House

LISTENING = ("intake", "followup", "offers", "transmission", "history")
PAGE = 200
ANSWERS_SECONDS = 180
A_MONTH_AND_A_DAY = 32


@dataclass(kw_only=True)
class Journey:
    """One run of the demonstration against a stack that is up.

    between: called with the name of the phase that begins, for whoever wants to disturb it.
    """

    stack: House
    fiction: Fiction
    show: Callable[[str], None]
    between: Callable[[str], None] = field(default=lambda _: None)
    plans: dict[UUID, Person] = field(default_factory=dict)
    strangers: int = 0

    async def play(self) -> None:
        """Play everything, from the first designation to the last recall, and until establishments hear back."""
        async with AsyncExitStack() as opened:
            self._client = await opened.enter_async_context(httpx.AsyncClient(timeout=60))
            self._observers = {name: self._caller(name, "ops") for name in LISTENING}
            self._recipients = self._make_recipients()
            platforms = self._make_platforms()
            listening = [asyncio.create_task(platform.listen()) for platform in platforms.values()]
            opened.callback(lambda: [task.cancel() for task in listening])
            await self._phase("designations and offers", self._designate_and_publish())
            await self._phase("enrolments", self._send("enrolments"))
            await self._phase("leavers", self._send("leavers"))
            await self._phase("contacts and bilans", self._advise())
            await self._phase("referrals", self._refer(platforms, listening))
            await self._phase("deliveries", self._collect())
            await self._phase("late enrolments", self._send("late_enrolments"))
            await self._phase("last deliveries", self._collect())
            await self._phase("return information", self._begin_next_month())

    @asynccontextmanager
    async def observing(self) -> AsyncIterator[dict[str, Caller]]:
        """An ops caller per service, for whoever looks on after the play."""
        async with httpx.AsyncClient(timeout=60) as client:
            self._client = client
            yield {name: self._caller(name, "ops") for name in LISTENING}

    def _caller(self, service: str, role: str, **claims: object) -> Caller:
        token = self.stack.issue_token(role, **claims)  # type: ignore[arg-type]  # the claims of that role
        return Caller(address=self.stack.address(service), token=token, client=self._client)

    async def _phase(self, name: str, work: Coroutine[None, None, None]) -> None:
        self.show(f"— {name}")
        self.between(name)
        await work
        await settle(self._observers, self.show)

    async def _designate_and_publish(self) -> None:
        ops = self._caller("transmission", "ops")
        for one in self.fiction.designations:
            body = {
                "departement": one.departement, "recipient_id": one.recipient_id, "recipient_class": one.recipient_class,
                "designated_by": one.designated_by, "valid_from": one.valid_from.isoformat(),
                "valid_to": one.valid_to.isoformat() if one.valid_to else None,
                "public_key": self._recipients[one.recipient_id].public_key,
            }  # fmt: skip
            await ops.put(f"/designations/{one.designation_id}", body, key=one.designation_id)
        for offer in self.fiction.offers:
            platform = self._caller("offers", "platform", organisation=offer.organisation)
            published = {
                "name": offer.name, "organisation": offer.organisation, "themes": list(offer.themes), "status": offer.status,
                "min_age": offer.min_age, "max_age": offer.max_age, "departements": list(offer.departements),
                "seats": offer.seats, "answer_within_days": offer.answer_within_days,
            }  # fmt: skip
            await platform.put(f"/offers/{offer.offer_id}", published, key=uuid5(NAMESPACE, offer.offer_id))

    async def _send(self, phase: str) -> None:
        """Each establishment sends its lists, then looks until every line has its verdict."""
        await asyncio.gather(*(self._send_list(file) for file in self.fiction.files if file.phase == phase))

    async def _send_list(self, file: ListFile) -> None:
        sender = self._caller("intake", "sender", uai=file.uai)
        path = f"/lists/{file.list_id}"
        await sender.upload(path, file.body, format=file.format, reference_date=str(file.reference_date))
        while (await sender.get(path))["status"] != "closed":
            await asyncio.sleep(0.2)

    async def _advise(self) -> None:
        """An adviser per département: reads whom to call, calls, holds the bilan."""
        await asyncio.gather(*(self._advise_in(departement) for departement in DEPARTEMENTS))

    async def _advise_in(self, departement: str) -> None:
        adviser = self._caller("followup", "adviser", territory=(departement,), sub=f"adviser-{departement}")
        async for cases in _pages(adviser):
            await asyncio.gather(*(self._follow(adviser, case) for case in cases))

    async def _follow(self, adviser: Caller, case: dict[str, str]) -> None:
        path, case_id = f"/cases/{case['case_id']}", UUID(case["case_id"])
        person = self._recognised(await adviser.get(f"{path}/coordinates", purpose="contact"))
        if person is None:
            self.strangers += 1
            return
        self.plans[UUID(case["person_id"])] = person
        plan = _plan_of(person)
        for place, attempt in enumerate(plan.attempts):
            contact = {"channel": attempt.channel, "outcome": attempt.outcome}
            await adviser.post(f"{path}/contacts", contact, key=uuid5(case_id, f"contact {place}"))
        if plan.closing is not None:
            await adviser.post(f"{path}/close", {"motive": plan.closing}, key=uuid5(case_id, "close"))
        if plan.bilan is not None:
            bilan = plan.bilan
            body = {
                "level": bilan.level, "wishes": list(bilan.wishes), "search_area": list(bilan.search_area), "age": bilan.age,
                "available_from": str(bilan.available_from),
            }  # fmt: skip
            await adviser.post(f"{path}/bilan", body, key=uuid5(case_id, "bilan"))

    def _recognised(self, coordinates: dict[str, object]) -> Person | None:
        """The adviser knows whom the case is about by name and birth date, as a person would."""
        identity = coordinates["identity"]
        if not isinstance(identity, dict):
            return None
        born = date.fromisoformat(identity["birth_date"])
        return self.fiction.person_named(identity["family_name"], identity["first_names"][0], born)

    async def _refer(self, platforms: dict[str, Platform], listening: Iterable[asyncio.Task[None]]) -> None:
        """Advisers propose offers; the platforms hear of it by topic, and all of them answer."""
        referred: set[UUID] = set()
        for departement in DEPARTEMENTS:
            cases = self._caller("followup", "adviser", territory=(departement,), sub=f"adviser-{departement}")
            offers = self._caller("offers", "adviser", territory=(departement,), sub=f"adviser-{departement}")
            async for page in _pages(cases):
                made = await asyncio.gather(*(self._propose(offers, case) for case in page if case["bilan_id"]))
                referred |= {referral for referral in made if referral is not None}
        answered = asyncio.create_task(all_answered(platforms, referred))
        done, _ = await asyncio.wait([answered, *listening], timeout=ANSWERS_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
        if not answered.done():
            answered.cancel()
            raise TimeoutError("the platforms did not hear of every referral")

    async def _propose(self, offers: Caller, case: dict[str, str]) -> UUID | None:
        plan = _plan_of(self.plans[UUID(case["person_id"])])
        if plan.offer_id is None:
            return None
        case_id = UUID(case["case_id"])
        wish = {"case_id": str(case_id), "offer_id": plan.offer_id}
        made = await offers.post("/referrals", wish, key=uuid5(case_id, "referral"))
        events = made["events"]
        streams = [event["stream"] for event in events if event["stream"].startswith("referral-")] if isinstance(events, list) else []
        return UUID(streams[0].removeprefix("referral-"))

    async def _collect(self) -> None:
        await asyncio.gather(*(recipient.collect() for recipient in self._recipients.values()))

    async def _begin_next_month(self) -> None:
        """The services' clock goes beyond the end of the month, and a moment passes until each of them has looked at it."""
        self.stack.advance_clock(A_MONTH_AND_A_DAY)
        await asyncio.sleep(2 * REREAD_SECONDS)

    def was_referred(self, person_id: UUID) -> bool:
        """Whether somebody whom an adviser met was to be proposed an offer."""
        return _plan_of(self.plans[person_id]).offer_id is not None

    def _make_recipients(self) -> dict[str, Recipient]:
        ids = {one.recipient_id for one in self.fiction.designations}
        return {one: Recipient(recipient_id=one, caller=self._caller("transmission", "recipient", organisation=one)) for one in sorted(ids)}

    def _make_platforms(self) -> dict[str, Platform]:
        organisations = sorted({offer.organisation for offer in self.fiction.offers})
        return {
            one: Platform(
                organisation=one, bootstrap=self.stack.bootstrap,
                caller=self._caller("offers", "platform", organisation=one), answer_for=self._answer_for,
            )
            for one in organisations
        }  # fmt: skip

    def _answer_for(self, person_id: UUID) -> Answer | None:
        """A host decides for itself; in the fiction its mind is drawn with the person, so that order changes nothing."""
        plan = _plan_of(self.plans[person_id])
        return None if plan.accepted is None else Answer(motive=plan.decline_motive)


def _plan_of(person: Person) -> Plan:
    """What was drawn for somebody who should have been detected.

    Raises:
        NotExpected: nobody should have been detected there.
    """
    if person.plan is None:
        raise NotExpected(f"person {person.index} has a case and should have none: {person.case.name}")
    return person.plan


class NotExpected(Exception):
    """The services found somebody whom the truth does not know as a dropout."""


async def _pages(adviser: Caller) -> AsyncIterator[list[dict[str, str]]]:
    after: str | None = None
    while True:
        query = {"limit": PAGE} if after is None else {"limit": PAGE, "after": after}
        cases = (await adviser.get("/cases", status="open", **query))["cases"]
        if not isinstance(cases, list) or not cases:
            return
        yield cases
        after = cases[-1]["case_id"]


NAMESPACE = UUID("0b6f2c1e-9c1d-5f0a-8b4e-6c55d6a3f7b2")
