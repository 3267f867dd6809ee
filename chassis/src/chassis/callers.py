"""Who asks, and may they: bearer tokens verified against pinned keys, roles required route by route, no route forgotten."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from time import time
from typing import Any

from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import GuestProtocol, Key, KeySet, OKPKey

from chassis.problems import Problem

ALGORITHM = "Ed25519"
LEEWAY_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks. `actor` is opaque: the people who work here are persons too."""

    actor: str
    role: str
    uai: str | None = None
    territory: tuple[str, ...] = ()
    organisation: str | None = None


class NotBelieved(Problem):
    """The token proves nothing (401)."""

    def __init__(self, detail: str) -> None:
        super().__init__(401, "Not authenticated", detail, "NOT_AUTHENTICATED", headers={"WWW-Authenticate": "Bearer"})


class TokenVerifier:
    """Believes Ed25519 tokens signed by a key of the given set, from one issuer, for one audience, not expired.

    Checking a signature is a tenth of what a request costs, and one caller sends one token many times: the last `remembered`
    tokens that were believed are known again by their SHA-256, until they expire. A key taken from the set counts from the
    next start, as the set is read once.
    """

    def __init__(self, jwks: str, issuer: str, audience: str, *, now: Callable[[], float] = time, remembered: int = 4096) -> None:
        self._keys = {key.kid: key for key in KeySet.import_key_set(json.loads(jwks)) if isinstance(key, OKPKey) and key.kid}
        if not self._keys:
            raise ValueError("the key set holds no OKP key with a kid")
        self._now, self._remembered = now, remembered
        self._believed: dict[bytes, tuple[Caller, float]] = {}
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(now()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
            role={"essential": True},
        )

    def verify(self, token: str) -> Caller:
        """The caller whom the token names.

        Raises:
            NotBelieved: and says which of its parts is wrong, without repeating it.
        """
        digest = sha256(token.encode(errors="surrogatepass")).digest()
        caller, expires = self._believed.get(digest, (None, 0.0))
        if caller is not None and expires > int(self._now()) - LEEWAY_SECONDS:
            return caller
        caller, expires = self._verify(token)
        self._believed[digest] = caller, expires
        if len(self._believed) > self._remembered:
            del self._believed[next(iter(self._believed))]
        return caller

    def _verify(self, token: str) -> tuple[Caller, float]:
        """The caller, and when the token expires, in seconds since 1970."""
        try:
            decoded = jwt.decode(token, self._key, algorithms=[ALGORITHM])
            self._claims.validate(decoded.claims)
        except InvalidKeyIdError:
            raise NotBelieved("The token is signed with a key that is not known here.") from None
        except ExpiredTokenError:
            raise NotBelieved("The token has expired; get a new one.") from None
        except JoseError as wrong:
            raise NotBelieved(f"The token is not valid ({_fault(wrong)}).") from None
        except (ValueError, TypeError):
            raise NotBelieved("The token cannot be read.") from None
        return _caller(decoded.claims), decoded.claims["exp"]

    def _key(self, token: GuestProtocol) -> Key:
        kid = token.headers().get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise InvalidKeyIdError("unknown kid")
        return key


def _fault(wrong: JoseError) -> str:
    claim = getattr(wrong, "claim", None)
    return f"{wrong.error}: {claim}" if claim in {"iss", "aud", "sub", "exp", "nbf", "iat", "role"} else wrong.error


def _caller(claims: dict[str, Any]) -> Caller:
    """The claims, each of its type."""
    territory = claims.get("territory", [])
    if not isinstance(territory, list) or not all(isinstance(part, str) for part in territory):
        raise NotBelieved("The token is not valid (territory is not a list).")
    texts = {name: claims.get(name) for name in ("sub", "role", "uai", "organisation")}
    if not all(isinstance(text, str) and text for text in texts.values() if text is not None):
        raise NotBelieved("The token is not valid (a claim is not a text).")
    return Caller(
        actor=claims["sub"], role=claims["role"], uai=texts["uai"], territory=tuple(territory), organisation=texts["organisation"]
    )


@dataclass(frozen=True)
class Guard:
    """Lets in callers with one of these roles; a FastAPI dependency."""

    roles: frozenset[str]

    async def __call__(self, request: Request) -> Caller:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotBelieved("Send a bearer token in the Authorization header.")
        verifier: TokenVerifier = request.app.state.verifier
        caller = verifier.verify(token.strip())
        if caller.role not in self.roles:
            raise Problem(403, "Not allowed", f"This needs the role {' or '.join(sorted(self.roles))}.", "ROLE")
        return caller


def require(*roles: str) -> Guard:
    """The dependency of a route that callers with one of these roles may use.

    Raises:
        ValueError: no role is named.
    """
    if not roles:
        raise ValueError("name at least one role, or mark the route as opened")
    return Guard(frozenset(roles))


def opened[F: Callable[..., object]](endpoint: F) -> F:
    """Mark a route that anybody may ask."""
    endpoint.__opened__ = True  # type: ignore[attr-defined]  # a mark on the function, read below
    return endpoint


def unguarded_routes(app: FastAPI) -> list[str]:
    """The routes that neither require a role nor are marked as opened: there should be none."""
    return sorted(_shown(route) for route in iter_route_contexts(app.routes) if not _is_guarded(route))


def _is_guarded(route: RouteContext) -> bool:
    if getattr(route.endpoint, "__opened__", False):
        return True
    dependant = getattr(route, "dependant", None)
    return isinstance(dependant, Dependant) and _has_guard(dependant)


def _has_guard(dependant: Dependant) -> bool:
    return isinstance(dependant.call, Guard) or any(_has_guard(inner) for inner in dependant.dependencies)


def _shown(route: RouteContext) -> str:
    return f"{','.join(sorted(route.methods or ())) or 'ANY'} {route.path}"
