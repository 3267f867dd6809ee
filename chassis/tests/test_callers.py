"""Who is believed and who is let in: the whole matrix of 401 and 403, and the route that somebody forgot."""

import base64
import json
from typing import Annotated

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from edge_app import CLAIMS, SECRET, SIGNER, STRANGER, client, edge_app, token, verifier
from fastapi import APIRouter, Depends, FastAPI

from chassis.callers import Caller, NotBelieved, TokenVerifier, opened, require, unguarded_routes

UNSIGNED = ".".join(
    base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"alg": "none", "kid": "signer"}, CLAIMS)
)

NOT_BELIEVED = {
    "no header": ("", "bearer token"),
    "another scheme": ("Basic YTpi", "bearer token"),
    "no token": ("Bearer", "bearer token"),
    "not a token": ("Bearer specimen", "not valid"),
    "unsigned": (f"Bearer {UNSIGNED}.", "not valid"),
    "another algorithm": (f"Bearer {token(SECRET, alg='HS256')}", "not valid"),
    "another issuer": (f"Bearer {token(iss='https://else.example')}", "iss"),
    "another audience": (f"Bearer {token(aud='else')}", "aud"),
    "expired": (f"Bearer {token(exp=1)}", "expired"),
    "not yet": (f"Bearer {token(nbf=99999999999)}", "nbf"),
    "without expiry": (f"Bearer {token(exp=...)}", "exp"),
    "without subject": (f"Bearer {token(sub=...)}", "sub"),
    "without role": (f"Bearer {token(role=...)}", "role"),
    "unknown key": (f"Bearer {token(STRANGER)}", "key that is not known"),
    "known key's name on a stranger's signature": (f"Bearer {token(STRANGER, kid='signer')}", "signature"),
    "a role that is not a text": (f"Bearer {token(role=7)}", "not a text"),
    "a territory that is not a list": (f"Bearer {token(territory='13')}", "territory"),
}


@pytest.mark.parametrize(("header", "word"), NOT_BELIEVED.values(), ids=NOT_BELIEVED.keys())
async def test_who_is_not_believed_gets_401_and_a_sentence_that_says_why(header: str, word: str) -> None:
    async with client(edge_app()) as ask:
        answer = await ask.get("/edge/me", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert word in answer.json()["detail"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(("role", "status"), [("adviser", 200), ("ops", 200), ("sender", 403), ("recipient", 403), ("Adviser", 403)])
async def test_only_the_roles_of_the_route_are_let_in(role: str, status: int) -> None:
    async with client(edge_app()) as ask:
        answer = await ask.get("/edge/me", headers={"Authorization": f"Bearer {token(role=role)}"})
    assert answer.status_code == status
    if status == 200:
        assert answer.json() == {"actor": "actor-1", "role": role, "territory": ["13", "2A"]}


def test_a_token_that_another_library_signed_is_believed() -> None:
    private = Ed25519PrivateKey.from_private_bytes(_unb64(SIGNER.as_dict(private=True)["d"]))
    signed = ".".join(_b64(json.dumps(part).encode()) for part in ({"alg": "Ed25519", "kid": "signer"}, {**CLAIMS, "exp": 99999999999}))
    caller = verifier().verify(f"{signed}.{_b64(private.sign(signed.encode()))}")
    assert caller == Caller(actor="actor-1", role="adviser", territory=("13", "2A"))


def test_an_expired_token_is_judged_by_the_given_clock() -> None:
    early = TokenVerifier(_jwks(), issuer=CLAIMS["iss"], audience="specimen", now=lambda: 1_000.0)
    late = TokenVerifier(_jwks(), issuer=CLAIMS["iss"], audience="specimen", now=lambda: 2_000.0)
    assert early.verify(token(exp=1_500)).actor == "actor-1"
    with pytest.raises(NotBelieved):
        late.verify(token(exp=1_500))


def test_a_token_that_was_believed_expires_all_the_same() -> None:
    clock = [1_000.0]
    one = TokenVerifier(_jwks(), issuer=CLAIMS["iss"], audience="specimen", now=lambda: clock[0])
    known = token(exp=1_500)
    for clock[0] in (1_000.0, 1_499.0, 1_504.0):  # five seconds of leeway
        assert one.verify(known).actor == "actor-1"
    for clock[0] in (1_505.0, 9_000.0):
        with pytest.raises(NotBelieved, match="Not authenticated"):
            one.verify(known)


def test_a_forgery_of_a_token_that_was_believed_is_not_believed() -> None:
    one, known = verifier(), token()
    head, claims, signature = known.split(".")
    assert one.verify(known) == one.verify(known)
    forged = [
        f"{head}.{claims}.{_b64(bytes(64))}",
        f"{head}.{claims}.{signature[:-4]}AAAA",
        f"{token(role='ops').rpartition('.')[0]}.{signature}",
    ]
    for other in forged:
        with pytest.raises(NotBelieved):
            one.verify(other)


def test_no_more_tokens_are_remembered_than_agreed_and_each_is_believed_for_what_it_says() -> None:
    one = TokenVerifier(_jwks(), issuer=CLAIMS["iss"], audience="specimen", remembered=3)
    tokens = {f"actor-{n}": token(sub=f"actor-{n}") for n in range(10)}
    for _ in range(2):
        for actor, each in tokens.items():
            assert one.verify(each).actor == one.verify(each).actor == actor
            assert len(one._believed) <= 3


def test_a_key_set_without_a_usable_key_is_refused() -> None:
    with pytest.raises(ValueError, match="OKP"):
        TokenVerifier(json.dumps({"keys": [SECRET.as_dict(private=True)]}), issuer="i", audience="a")


def test_a_guarded_app_has_no_unguarded_route() -> None:
    assert unguarded_routes(edge_app()) == []


def test_a_route_without_require_is_found_wherever_it_hides() -> None:
    app, inner, outer = edge_app(), APIRouter(prefix="/inner"), APIRouter(prefix="/outer")
    kept = APIRouter(dependencies=[Depends(require("ops"))])
    for router, path in ((inner, "/naked"), (kept, "/kept")):
        router.get(path)(_nothing)
    app.post("/naked")(_nothing)
    app.get("/open")(opened(_something))
    app.get("/behind")(_behind)
    outer.include_router(inner)
    for router in (outer, kept):
        app.include_router(router)
    assert unguarded_routes(app) == ["GET /outer/inner/naked", "POST /naked"]


def test_the_frameworks_own_pages_are_found_too() -> None:
    assert any("/docs" in route for route in unguarded_routes(FastAPI()))


def test_a_requirement_names_a_role() -> None:
    with pytest.raises(ValueError, match="at least one role"):
        require()


async def _nothing() -> None:
    return None


async def _something() -> None:
    return None


async def _whose(caller: Annotated[Caller, Depends(require("ops"))]) -> str:
    return caller.actor


async def _behind(_: Annotated[str, Depends(_whose)]) -> None:
    return None


def _jwks() -> str:
    return json.dumps({"keys": [SIGNER.as_dict(private=False)]})


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
