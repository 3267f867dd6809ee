"""Some lines of leavers become persons, facts and detections, in one transaction, by the very rules that a list's lines meet."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4, uuid5

import orjson

from chassis.decider import NO_TRACE
from chassis.event_store import Connection
from contracts.intake import ContractSeen, DiplomaSeen, DropoutDetected, EnrolmentSeen, ExitSeen
from intake import persons
from intake.batch import Desk, request_of, say_facts
from intake.campaign import keeping
from intake.campaign.matching import Row
from intake.domain.detection import Rule
from intake.domain.person import DecideDropout
from intake.formats.cells import Cells
from intake.lists import Job
from intake.sorting import Prepared, Sorted, Sorter

FACTS = [fact.wire_type() for fact in (ExitSeen, EnrolmentSeen, ContractSeen, DiplomaSeen)]
UNSTATED = {"", "00", "99"}
DETECTED = DropoutDetected.wire_type()


def cells_of(line: int, row: Row) -> Cells:
    """A leaver's line as every format gives it; of several diplomas the highest."""
    uai, ine, family_name, first_name, birth_date, birth_commune, formation, entry_date, exit_date, diplomas = row
    held = max((code for code in diplomas if code not in UNSTATED), default="")
    return Cells(
        line=line, kind="leaver", uai=uai, ine=ine, family_name=family_name, first_names=(first_name,), birth_date=birth_date,
        birth_commune=birth_commune, formation=formation, diploma=held, entry_date=entry_date, exit_date=exit_date,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """What every batch of a campaign needs. job: the campaign as the reader's code sees a list."""

    desk: Desk
    job: Job
    rule: Rule
    coverage: dict[str, int]

    async def take(self, connection: Connection, prepared: Sequence[Prepared], *, after: int, to: int) -> int:
        """Take these lines, all or nothing; how many dropouts they amount to.

        Raises:
            chassis.event_store.Conflict, intake.campaign.keeping.ProgressLost: roll back, nothing was taken.
        """
        async with connection.transaction():
            register = await persons.register_of(connection, [one.tokens for one in prepared if one.tokens is not None])
            sorter = Sorter(list_id=self.job.list_id, reference_date=self.job.reference_date, register=register, told={}, new_person=uuid4)
            found = sorter.sort(prepared)
            await persons.keep(connection, [(one.person_id, one.tokens) for one in found.leavers])
            await say_facts(self.desk, connection, self.job, found, register, NO_TRACE)
            detected = await self._decide(connection, found)
            verdicts = Counter(one.verdict for one in found.verdicts)
            rejected = verdicts["rejected"] + verdicts["not_kept"]
            await keeping.advance(
                connection, self.job.list_id, after=after, to=to, held=verdicts["held"], rejected=rejected, detected=detected
            )
        return detected

    async def _decide(self, connection: Connection, found: Sorted) -> int:
        about = {one.person_id: one.record for one in found.leavers}
        facts = await self._facts(connection, list(about))
        requests = [
            request_of(
                self.job,
                f"decide {person_id} {record.line}",
                DecideDropout(
                    person_id=person_id,
                    detection_id=uuid5(self.job.list_id, f"detection {person_id}"),
                    rule=self.rule,
                    facts=tuple(facts[person_id]),
                    coverage=self.coverage,
                    reference_date=self.job.reference_date,
                    age=record.age,
                    majority_month=record.majority_month,
                    departement=record.departement,
                ),
                NO_TRACE,
                cause=facts[person_id][-1],
            )
            for person_id, record in about.items()
        ]
        outcomes = await self.desk.person_handler.handle_in(connection, requests, ask_first=False)
        return sum(event["type"] == DETECTED for outcome in outcomes for event in orjson.loads(outcome.answer)["events"])

    @staticmethod
    async def _facts(connection: Connection, people: Sequence[UUID]) -> dict[UUID, list[UUID]]:
        found: dict[UUID, list[UUID]] = {person_id: [] for person_id in people}
        for row in await connection.fetch(FACT_IDS, [f"person-{person_id}" for person_id in people], FACTS):
            found[UUID(row["stream_id"].removeprefix("person-"))].append(row["event_id"])
        return found


FACT_IDS = """
select event_id, stream_id from events where stream_id = any($1::text[]) and type = any($2::text[]) order by stream_id, stream_version
"""
