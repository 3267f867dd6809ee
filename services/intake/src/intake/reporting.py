"""One young person is reported by a professional, or comes forward: a list of one line, validated, recognised and decided upon like any.

Nothing of a report that is rejected, or of somebody under 16, is kept: whoever sent it has the answer in hand.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from chassis.decider import Request, Trace
from chassis.event_store import Connection
from chassis.paris import legal_date
from contracts.intake import Finding
from intake import batch, closing, lists
from intake.batch import Desk
from intake.domain.detection import Rule
from intake.domain.list_commands import ListCommand, ReceiveReport
from intake.formats import ADAPTERS
from intake.formats.cells import Cells
from intake.likeness import tokens_of
from intake.record import Held, NotKept, Record, Rejected
from intake.rules import Verdict
from intake.sorting import Prepared, hmac_of
from intake.validation import validated

ADAPTER = ADAPTERS["csv"]
"""A report has the columns of our own list of leavers."""
LINE = 1


@dataclass(frozen=True, kw_only=True)
class Report:
    """Who reports whom. uai, territory: for whom the reporter may speak, no limit where both are none. body: as it came."""

    report_id: UUID
    origin: Literal["report", "self", "risk"]
    reporter: str
    actor: str
    cells: Cells
    body: bytes
    trace: Trace
    uai: str | None = None
    territory: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return f"Report(report_id={self.report_id})"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What became of a report."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()


class NotTheirs(Exception):
    """The reporter may not speak for this establishment or territory; nothing is kept."""


@dataclass(frozen=True, kw_only=True)
class Reporting:
    """Takes reports."""

    desk: Desk
    rule: Rule

    async def take(self, report: Report) -> Judged:
        """Judge a report and, if it can be taken, everything that follows from it, in one transaction.

        Raises:
            NotTheirs. chassis.handler.KeyReused: the id is that of another report. TryAgain.
        """
        today = legal_date(self.desk.clock.now())
        line = validated(report.cells, ADAPTER, today, self.desk.directory)
        match line:
            case NotKept():
                return Judged(verdict="not_kept", findings=(Finding(field=ADAPTER.column("birth_date"), rule="UNDER_16"),))
            case Rejected(findings=findings) | Held(findings=findings):  # whoever reports is there to write it anew
                return Judged(verdict="rejected", findings=findings)
            case Record() as record:
                _check_mandate(report, record)
                return await self._keep(report, record, today)

    async def _keep(self, report: Report, record: Record, today: date) -> Judged:
        await self.desk.keyring.ensure([report.report_id], ["list"])
        digests = self.desk.digests
        prepared = Prepared(raw=report.cells, line=record, tokens=tokens_of(digests, record.identity), hmac=hmac_of(record, digests))

        request = self._request(report, today)

        async def also(connection: Connection) -> None:
            now = self.desk.clock.now()
            await lists.keep_received(
                connection, list_id=report.report_id, sender=report.reporter, list_format=report.origin, reference_date=today,
                size=len(report.body), fingerprint=request.fingerprint, at=now,
            )  # fmt: skip
            job = await lists.job_of(connection, report.report_id)
            if job is None:
                raise RuntimeError("a report that was just kept is there")
            await batch.take(self.desk, connection, job, [prepared], after=0, trace=report.trace)
            await closing.decide_some(self.desk, connection, job, self.rule, report.trace)
            await lists.close(connection, report.report_id, now)

        await self.desk.list_handler.handle_with(request, also)
        return await self._judged(report.report_id)

    def _request(self, report: Report, today: date) -> Request[ListCommand]:
        """The fingerprint is keyed: no digest of personal data without a key (DESIGN 7)."""
        return Request(
            command=ReceiveReport(list_id=report.report_id, origin=report.origin, reference_date=today),
            command_id=report.report_id,
            actor=report.actor,
            correlation_id=report.report_id,
            route="reporting",
            fingerprint=self.desk.digests.of("report", report.origin.encode(), report.body),
            trace=report.trace,
        )

    async def _judged(self, report_id: UUID) -> Judged:
        row = await self.desk.list_handler.pool.fetchrow(JUDGED, report_id, LINE)
        if row is None:
            raise RuntimeError("a report that was taken has its verdict")
        findings = tuple(Finding(field=name, rule=rule) for name, rule in zip(row["fields"], row["rules"], strict=True))
        return Judged(verdict=row["verdict"], findings=findings)


def _check_mandate(report: Report, record: Record) -> None:
    """An establishment reports its own; an adviser, those who live in the territory."""
    if report.uai is not None and record.uai != report.uai:
        raise NotTheirs
    if report.territory is not None and record.departement not in report.territory:
        raise NotTheirs


JUDGED = "select verdict, fields, rules from line_verdict where list_id = $1 and line = $2"
