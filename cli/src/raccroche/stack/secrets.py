"""The secrets of a local stack, drawn once: passwords, master keys, the key of identities, the local issuer of tokens."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import OKPKey

from chassis.provision import AUDITOR
from raccroche.stack.drawing import ADMIN, OPENS, SecretLost, Source, agrees, drawn, fresh_password, sources, write_whole
from raccroche.stack.layout import SERVICES, Layout

ISSUER = "urn:raccroche:local"
AUDIENCE = "raccroche"
TOKEN_SECONDS = 12 * 3600


def roles_of(service: str) -> list[str]:
    """Who logs in to a service's own database."""
    return [f"raccroche_{service}_{suffix}" for suffix in ("app", "relay", "consumer")]


ROLES = (ADMIN, AUDITOR, "raccroche_keyring_app", *(role for service in SERVICES for role in roles_of(service)))


@dataclass(frozen=True)
class Secrets:
    """Read from files that their owner alone may read; drawn the first time."""

    layout: Layout

    def make(self, *, first: bool, shares: Callable[[Mapping[str, str]], Mapping[str, str]] = lambda _: {}) -> None:
        """Draw what is missing, the first time only; make again what is missing of that which is made from the rest.

        Nothing is written over, and nothing is written at all where something is wrong. shares: files that are made from the passwords.

        Raises:
            SecretLost: what was drawn before is missing or damaged, or something differs from what it was made from.
        """
        texts: dict[str, str] = {}
        for name, source in sources(ROLES, shares).items():
            made = [self._path(one) for one in source.makes(source.draw())]
            text = drawn(self._path(name), source, made, first=first)
            texts[name] = text = self._with_new_services(text) if name == "passwords.json" else text
            texts |= self._made(name, source, text)
        for name, text in texts.items():
            if not agrees(self._path(name), text):  # what is there differs by the passwords of a new service, or not at all
                write_whole(self._path(name), text)

    def _with_new_services(self, text: str) -> str:
        """The passwords, and fresh ones for a service that nobody has had yet: an upgrade may bring one."""
        known = json.loads(text)
        new = [role for service in SERVICES if not set(roles := roles_of(service)) & set(known) for role in roles]
        if missing := [role for role in ROLES if role not in known and role not in new]:
            raise SecretLost(f"{self._path('passwords.json')} has no password of {missing[0]}: put back the copy (docs/one-server.md)")
        return json.dumps({**known, **{role: fresh_password() for role in new}}, indent=1) if new else text

    def _made(self, name: str, source: Source, text: str) -> Mapping[str, str]:
        made = source.makes(text)
        for one, its_text in made.items():
            if self._path(one).exists() and not agrees(self._path(one), its_text):
                raise SecretLost(
                    f"{self._path(one)} is not what {self._path(name)} gives: put back the copy of whichever was changed "
                    f"(docs/one-server.md); if that is {one}, remove it and it is made again"
                )
        return made

    @property
    def passwords(self) -> Mapping[str, str]:
        """By role.

        Raises:
            SecretLost: they are not there, or not what was made here.
        """
        roles = sources((), lambda _: {})["passwords.json"]
        return dict(json.loads(drawn(self._path("passwords.json"), roles, (), first=False)))

    @property
    def jwks_file(self) -> Path:
        return self._path("jwks.json")

    @property
    def identity_key_file(self) -> Path:
        return self._path("identity.key")

    def master_keys_file(self, service: str) -> Path | None:
        """The master keys that this service may hold; none where it holds none."""
        return self._path(f"master-{service}.json") if service in OPENS else None

    def issue(self, role: str, claims: Mapping[str, object]) -> str:
        """A signed token of the local issuer, good for half a day."""
        signing = sources((), lambda _: {})["signing.json"]
        key = OKPKey.import_key(json.loads(drawn(self._path("signing.json"), signing, (), first=False)))
        now = int(time.time())
        whole = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + TOKEN_SECONDS, "role": role, **claims}
        return jwt.encode({"alg": "Ed25519", "kid": key.kid}, whole, key, algorithms=["Ed25519"])

    def token(
        self, role: str, *, uai: str | None = None, territory: tuple[str, ...] = (), organisation: str | None = None, sub: str | None = None
    ) -> str:
        """A token with the claims that the services know."""
        claims: dict[str, object] = {"sub": sub or organisation or uai or role}
        claims |= {name: value for name, value in (("uai", uai), ("organisation", organisation)) if value}
        if territory:
            claims["territory"] = list(territory)
        return self.issue(role, claims)

    def _path(self, name: str) -> Path:
        return self.layout.secrets / name
