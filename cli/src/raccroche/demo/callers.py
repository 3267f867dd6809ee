"""Callers of the public API: each with its token and its service, patient while a service starts again, never asking twice for two."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

import httpx

PATIENCE_SECONDS = 120.0
AT_ONCE = 16


class Unanswered(Exception):
    """A service gave no usable answer for too long; says which and the last thing it said."""


class NotTaken(Exception):
    """A service said no; carries the status and its problem document."""

    def __init__(self, status: int, problem: dict[str, object]) -> None:
        super().__init__(f"{status} {problem.get('rule') or problem.get('title')}: {problem.get('detail')}")
        self.status = status
        self.problem = problem


@dataclass(kw_only=True)
class Caller:
    """One person or system with one token, against one service.

    A refused connection, a cut answer and 503 are asked again with the same idempotency key until `PATIENCE_SECONDS`.
    """

    address: str
    token: str
    client: httpx.AsyncClient
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def get(self, path: str, **parameters: str | int) -> dict[str, object]:
        return await self._ask("GET", path, params=parameters)

    async def post(self, path: str, body: object, *, key: UUID) -> dict[str, object]:
        return await self._ask("POST", path, json=body, headers={"Idempotency-Key": str(key)})

    async def put(self, path: str, body: object, *, key: UUID) -> dict[str, object]:
        return await self._ask("PUT", path, json=body, headers={"Idempotency-Key": str(key)})

    async def upload(self, path: str, body: bytes, **parameters: str) -> dict[str, object]:
        return await self._ask("PUT", path, content=body, params=parameters)

    async def _ask(self, method: str, path: str, *, headers: dict[str, str] | None = None, **rest: object) -> dict[str, object]:
        loop = asyncio.get_running_loop()
        until, said = loop.time() + PATIENCE_SECONDS, "nothing"
        while loop.time() < until:
            try:
                async with self.gate:
                    answer = await self.client.request(
                        method, self.address + path, headers={"Authorization": f"Bearer {self.token}", **(headers or {})},
                        **rest,  # type: ignore[arg-type]  # one of params, json, content: httpx's own keywords
                    )  # fmt: skip
            except httpx.TransportError as trouble:
                said = type(trouble).__name__
            else:
                if answer.status_code < 300:
                    return dict(answer.json())
                if answer.status_code != 503:
                    raise NotTaken(answer.status_code, _problem(answer))
                said = "503"
            await asyncio.sleep(0.1)
        raise Unanswered(f"{method} {self.address}{path}: {said}")


def _problem(answer: httpx.Response) -> dict[str, object]:
    try:
        return dict(answer.json())
    except ValueError:
        return {"title": answer.reason_phrase}
