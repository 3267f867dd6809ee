"""The reference over HTTP: FastAPI and one asyncpg insert, nothing else; `python -m load.bare_web PORT DSN`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Wish(BaseModel):
    offer_id: str


def app(dsn: str) -> FastAPI:
    @asynccontextmanager
    async def opened(made: FastAPI) -> AsyncIterator[None]:
        # as the chassis's: no round trip to reset a session that nobody changed
        async with asyncpg.create_pool(dsn, min_size=8, max_size=8, reset=_left_as_it_is) as made.state.pool:
            yield

    made = FastAPI(lifespan=opened)

    @made.post("/hold", status_code=201)
    async def hold(wish: Wish) -> dict[str, str]:
        number = uuid4()
        await made.state.pool.execute("insert into bare (id, offer_id, at) values ($1, $2, now())", number, wish.offer_id)
        return {"id": str(number), "offer_id": wish.offer_id}

    return made


async def _left_as_it_is(_: asyncpg.Connection) -> None:
    return None


if __name__ == "__main__":
    uvicorn.run(app(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
