"""A command by HTTP on a real database: asked twice it is done once, and the second answer is the first, byte for byte."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import uuid4

import asyncpg
import pytest
from edge_app import client, edge_app, token
from fastapi import Depends, FastAPI, Request, Response
from specimens import SEATS, STORE, HoldSeat

from chassis.callers import Caller, require
from chassis.handler import Handler
from chassis.http import IdempotencyKey, carry_out, command_id_of
from chassis.provision import Database, chassis_migrations

pytestmark = pytest.mark.stack


@pytest.fixture
async def app(fresh_database) -> AsyncIterator[FastAPI]:
    dsns = await fresh_database(Database(name="specimen", migrations=(chassis_migrations(),)))
    async with asyncpg.create_pool(dsns["app"], min_size=1, max_size=4) as pool:
        app, handler = edge_app(), Handler(decider=SEATS, store=STORE, pool=pool)

        @app.post("/hold/{offer_id}")
        async def hold(
            offer_id: str, request: Request, key: IdempotencyKey, caller: Annotated[Caller, Depends(require("adviser"))]
        ) -> Response:
            answer = await carry_out(handler, HoldSeat(offer_id=offer_id), request=request, caller=caller, key=key)
            answer.headers["Expected-Id"] = str(command_id_of(caller, request, key))
            return answer

        yield app


def headers(key: object) -> dict[str, str]:
    return {"Authorization": f"Bearer {token()}", "Idempotency-Key": str(key), "Content-Type": "application/json"}


async def test_asked_twice_it_is_done_once_and_answered_alike(app: FastAPI) -> None:
    key = uuid4()
    async with client(app) as ask:
        first = await ask.post("/hold/specimen--1", headers=headers(key), content=b"{}")
        again = await ask.post("/hold/specimen--1", headers=headers(key), content=b"{}")
        other = await ask.post("/hold/specimen--1", headers=headers(key), content=b'{"a":1}')
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.content == again.content
    assert first.json()["command_id"] == first.headers["Expected-Id"]
    assert other.json()["rule"] == "KEY_REUSED"


async def test_a_refusal_is_409_in_the_domains_words(app: FastAPI) -> None:
    async with client(app) as ask:
        answers = [await ask.post("/hold/specimen--1", headers=headers(uuid4()), content=b"{}") for _ in range(41)]
    assert [answer.status_code for answer in answers] == [201] * 40 + [409]
    assert answers[-1].json()["detail"] == "no seat is free"


async def test_a_command_without_a_key_is_invalid(app: FastAPI) -> None:
    async with client(app) as ask:
        answer = await ask.post("/hold/specimen--1", headers={"Authorization": f"Bearer {token()}"})
    assert (answer.status_code, answer.json()["errors"]) == (422, [{"field": "header.Idempotency-Key", "rule": "missing"}])
