"""The entrance for establishments: send a list, ask what became of it and of each line."""

import re
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.requests import ClientDisconnect

from chassis.callers import Caller, require
from chassis.handler import KeyReused
from chassis.http import WrittenDay, current_trace
from chassis.paris import legal_date
from chassis.problems import Problem, stream_upload
from contracts.intake import ListFormat
from intake.cleaning import FIRST_YEAR
from intake.formats.cells import ListRefused
from intake.holding import Repeated
from intake.parts import TakenOver
from intake.receiving import CutShort, OtherOffset, Received, Reception, Sending, Span
from intake.rules import Verdict, sentence_of
from intake.verdicts import csv_of, findings_of

CHARSET = re.compile(r";\s*charset=\"?([A-Za-z0-9._-]{1,40})", re.IGNORECASE)
CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})", re.ASCII)
NO_SUCH_LIST = Problem(404, "No such list", "no list of yours has this id", None)
STATUS = {"OUT_OF_MANDATE": 403, "TOO_LARGE": 413}

Sender = Annotated[Caller, Depends(require("sender"))]
SenderOrOps = Annotated[Caller, Depends(require("sender", "ops"))]
After = Annotated[int, Query(ge=0, lt=2**31)]
Limit = Annotated[int, Query(ge=1, le=1000)]


def routes(pool: asyncpg.Pool, reception: Reception) -> APIRouter:
    router = APIRouter()
    _receiving_route(router, reception)
    _question_routes(router, pool)
    return router


def _receiving_route(router: APIRouter, reception: Reception) -> None:
    @router.put("/lists/{list_id}")
    @stream_upload
    async def receive(
        list_id: UUID,
        request: Request,
        caller: Sender,
        list_format: Annotated[ListFormat, Query(alias="format")],
        reference_date: WrittenDay,
    ) -> Response:
        sender = _establishment(caller)
        sending = Sending(
            list_id=list_id, sender=sender, format=list_format, reference_date=reference_date, actor=caller.actor,
            trace=current_trace(), territory=caller.territory, span=_span_of(request.headers.get("content-range")),
            declared=request.headers.get("sending-key"), charset=_charset_of(request.headers.get("content-type")),
        )  # fmt: skip
        try:
            received = await _received(reception, sending, request)
        except Repeated as repeated:
            again = {"list_id": str(list_id), "sender": sender, "status": "repeated", "same_as": str(repeated.same_as)}
            return JSONResponse(again, status_code=200)
        status = await _status(reception.pool, list_id) if received.whole else {"status": "receiving", "received": received.size}
        return JSONResponse({"list_id": str(list_id), "sender": sender, **status}, status_code=202)

    @router.get("/lists/{list_id}/upload")
    async def upload(list_id: UUID, caller: Sender) -> dict[str, object]:
        progress = await reception.progress(list_id, _establishment(caller))
        if progress is None:
            raise NO_SUCH_LIST
        return {"list_id": str(list_id), "received": progress.size, "whole": progress.whole}


async def _status(pool: asyncpg.Pool, list_id: UUID) -> dict[str, object]:
    reasons = await pool.fetchval(HELD_FOR, list_id)
    return {"status": "held", "held_for": _held_for(reasons)} if reasons else {"status": "received"}


async def _received(reception: Reception, sending: Sending, request: Request) -> Received:
    """Raises Problem for everything that keeps a body from being taken, and Repeated."""
    try:
        if sending.reference_date.year < FIRST_YEAR or sending.reference_date > legal_date(reception.clock.now()):
            raise ListRefused("REFERENCE_DATE")
        return await reception.receive(sending, request.stream())
    except ListRefused as refused:
        await reception.refuse(sending.list_id, sending.sender, refused)
        status = STATUS.get(refused.rule, 422)
        raise Problem(status, "The list is refused", sentence_of(refused.rule), refused.rule) from None
    except KeyReused:
        raise Problem(422, "This list id was used", "the id belongs to another list; choose a new one", None) from None
    except asyncpg.DiskFullError:
        raise Problem(507, "No room", "nothing of the body was kept; send it again later", "NO_ROOM") from None
    except OtherOffset as other:
        raise Problem(409, "Not to be taken up there", f"go on from byte {other.received}", "OTHER_OFFSET") from None
    except TakenOver:
        raise Problem(409, "Another request sends this list", "ask how far it is, or wait for it", "TAKEN_OVER") from None
    except (CutShort, ClientDisconnect):
        raise Problem(400, "The body was cut", "ask how far it came, and go on from there", "CUT_SHORT") from None


def _charset_of(content_type: str | None) -> str | None:
    """The charset that a Content-Type declares; UTF-8, which every text is that declares none, is not told apart from none."""
    declared = CHARSET.search(content_type or "")
    return declared[1].lower() if declared and declared[1].lower() != "utf-8" else None


def _span_of(header: str | None) -> Span | None:
    """A partial PUT (RFC 9110, 14.5): `bytes first-last/total`.

    Raises:
        Problem: 400, another shape, or bytes that are none of the whole.
    """
    if header is None:
        return None
    if (said := CONTENT_RANGE.fullmatch(header)) and (first := int(said[1])) <= (last := int(said[2])) < (total := int(said[3])):
        return Span(first=first, end=last + 1, total=total)
    raise Problem(400, "Bad Content-Range", "write: bytes first-last/total", "BAD_RANGE")


def _question_routes(router: APIRouter, pool: asyncpg.Pool) -> None:
    @router.get("/lists/{list_id}")
    async def one_list(list_id: UUID, caller: SenderOrOps) -> dict[str, object]:
        return await _list_of(pool, list_id, caller)

    @router.get("/lists/{list_id}/lines")
    async def lines(
        list_id: UUID, caller: SenderOrOps, verdict: Verdict | None = None, after: After = 0, limit: Limit = 200
    ) -> dict[str, object]:
        await _list_of(pool, list_id, caller)
        rows = await pool.fetch(LINES, list_id, verdict, after, limit)
        return {"lines": [_line(row) for row in rows]}

    @router.get("/lists/{list_id}/verdicts.csv")
    async def verdicts_csv(list_id: UUID, caller: SenderOrOps) -> StreamingResponse:
        await _list_of(pool, list_id, caller)
        attached = {"Content-Disposition": f'attachment; filename="verdicts-{list_id}.csv"'}
        return StreamingResponse(csv_of(pool, list_id), media_type="text/csv; charset=utf-8", headers=attached)


def _establishment(caller: Caller) -> str:
    if caller.uai is None:
        raise Problem(403, "This token names no establishment", "ask for a token that carries the sender's UAI", None)
    return caller.uai


async def _list_of(pool: asyncpg.Pool, list_id: UUID, caller: Caller) -> dict[str, object]:
    """The list, for its sender or ops; to others it does not exist."""
    row = await pool.fetchrow(LIST, list_id)
    if row is None or (caller.role == "sender" and row["sender"] != caller.uai):
        raise NO_SUCH_LIST
    found = {name: value for name, value in row.items() if name not in {"list_id", "reasons"}}
    again = {} if row["list_id"] == list_id else {"same_as": str(row["list_id"])}
    held = {"held_for": _held_for(row["reasons"])} if row["reasons"] else {}
    compared = [dict(one) for one in await pool.fetch(ABSENCES, row["list_id"])]
    missed = [dict(one) for one in await pool.fetch(MISSED, row["list_id"])]
    seen = {**({"absences": compared} if compared else {}), **({"missed": missed} if missed else {})}
    return {"list_id": str(list_id), **found, **again, **held, **seen}


def _held_for(reasons: list[str]) -> list[dict[str, str]]:
    return [{"rule": rule, "sentence": sentence_of(rule)} for rule in reasons]


def _line(row: asyncpg.Record) -> dict[str, object]:
    """One line as its sender reads it; of an under-16, only that it was one."""
    broken = findings_of(row["verdict"], row["fields"], row["rules"])
    findings = [{"field": name, "rule": rule, "sentence": sentence_of(rule)} for name, rule in broken]
    return {"line": row["line"], "verdict": row["verdict"], "findings": findings}


HELD_FOR = "select reasons from held_list where list_id = $1 and decision is null"

LIST = """
select l.list_id, sender, format, reference_date,
  case when h.list_id is not null and decision is null then 'held' when decision = 'refused' then 'refused'
    when closed_at is not null then 'closed' when last_line > 0 then 'reading' else 'received' end as status,
  accepted + accepted_with_remarks + rejected + held + not_kept as lines,
  accepted, accepted_with_remarks, rejected, held, not_kept,
  case when h.decision is distinct from 'released' then h.reasons end as reasons
from lists l left join held_list h using (list_id)
where l.list_id = coalesce((select same_as from repeated_list where list_id = $1), $1)
"""

ABSENCES = """
select uai, earlier, missing, doubtful, outcome from complete_list where list_id = $1 and outcome is not null order by uai
"""

MISSED = "select uai, reference_date as last_told from complete_list where missed_in = $1 order by uai"

LINES = """
select line, verdict, fields, rules from line_verdict
where list_id = coalesce((select same_as from repeated_list where list_id = $1), $1)
  and ($2::text is null or verdict = $2) and line > $3 order by line limit $4
"""
