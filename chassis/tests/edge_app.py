"""A small app for the tests of the edges, with its keys, tokens and client."""

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Depends, FastAPI, Request
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey
from pydantic import BaseModel, ConfigDict

from chassis.callers import Caller, TokenVerifier, opened, require
from chassis.problems import Problem, install, stream_upload

SIGNER = OKPKey.generate_key("Ed25519", parameters={"kid": "signer"})
STRANGER = OKPKey.generate_key("Ed25519", parameters={"kid": "stranger"})
SECRET = OctKey.generate_key(256, parameters={"kid": "signer"})
JWKS = json.dumps({"keys": [SIGNER.as_dict(private=False)]})
CLAIMS = {"iss": "https://tokens.example", "aud": "specimen", "sub": "actor-1", "role": "adviser", "territory": ["13", "2A"]}


def token(key: OKPKey | OctKey = SIGNER, *, alg: str = "Ed25519", kid: str | None = None, **changed: Any) -> str:
    claims = {**CLAIMS, "exp": int(time.time()) + 86_400, **changed}
    kept = {name: value for name, value in claims.items() if value is not ...}
    return jwt.encode({"alg": alg, "kid": kid or key.kid}, kept, key, algorithms=[alg])


class Seat(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    seats: int


def verifier() -> TokenVerifier:
    return TokenVerifier(JWKS, issuer="https://tokens.example", audience="specimen")


def edge_app() -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.verifier = verifier()
    install(app)
    app.include_router(_routes())
    return app


def _routes() -> APIRouter:
    router = APIRouter(prefix="/edge")

    @router.get("/me")
    async def me(caller: Annotated[Caller, Depends(require("adviser", "ops"))]) -> dict[str, Any]:
        return {"actor": caller.actor, "role": caller.role, "territory": caller.territory}

    @router.post("/seats")
    @opened
    async def seats(seat: Seat) -> dict[str, int]:
        return {"seats": seat.seats}

    @router.put("/upload")
    @opened
    @stream_upload
    async def upload(request: Request) -> dict[str, int]:
        return {"bytes": sum([len(part) async for part in request.stream()])}

    @router.get("/unforeseen")
    @opened
    async def unforeseen() -> None:
        raise ValueError("Specimen, born 2008-02-29")

    @router.get("/foreseen")
    @opened
    async def foreseen() -> None:
        raise Problem(422, "List refused", "The list is empty.", "EMPTY_LIST")

    return router


def client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://edge.example")


async def parts(count: int) -> AsyncIterator[bytes]:
    """A body in parts of a thousand bytes, with no declared length."""
    for _ in range(count):
        yield b" " * 1000
