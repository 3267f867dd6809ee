"""The secrets of a local stack, drawn once: passwords, master keys, the key of identities, the local issuer of tokens."""

import base64
import json
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from chassis.provision import AUDITOR
from raccroche.stack.layout import SERVICES, Layout, read_json, write_json

ISSUER = "urn:raccroche:local"
AUDIENCE = "raccroche"
ADMIN = "raccroche_admin"
CLASSES = ("identity", "contact", "guardians", "notes", "list")
OPENS = {"intake": CLASSES, "followup": CLASSES, "transmission": ("identity", "contact", "guardians")}
TOKEN_SECONDS = 12 * 3600


@dataclass(frozen=True)
class Secrets:
    """Read from files that their owner alone may read; made the first time."""

    layout: Layout

    def make(self) -> None:
        """Draw what is missing; what exists stays, or nobody could open anything any more."""
        roles = [f"raccroche_{name}_{suffix}" for name in SERVICES for suffix in ("app", "relay", "consumer")]
        self._passwords([ADMIN, AUDITOR, "raccroche_keyring_app", *roles])
        if not self._path("signing.json").exists():
            key = OKPKey.generate_key("Ed25519", {"use": "sig", "kid": secrets.token_hex(8)}, auto_kid=False)
            self._write("signing.json", json.dumps(key.as_dict(private=True)))
            self._write("jwks.json", json.dumps(KeySet([key]).as_dict(private=False)))
        if not self._path("identity.key").exists():
            self._write("identity.key", base64.b64encode(os.urandom(32)).decode())
        if not self._path("master.json").exists():
            master = {name: {"1": base64.b64encode(os.urandom(32)).decode()} for name in CLASSES}
            self._write("master.json", json.dumps(master))
            for service, classes in OPENS.items():
                self._write(f"master-{service}.json", json.dumps({name: master[name] for name in classes}))

    def _passwords(self, roles: Sequence[str]) -> None:
        known = read_json(self._path("passwords.json"))
        if missing := [role for role in roles if role not in known]:
            write_json(self._path("passwords.json"), {**known, **{role: secrets.token_urlsafe(24) for role in missing}})
            self._path("passwords.json").chmod(0o600)

    @property
    def passwords(self) -> Mapping[str, str]:
        return {role: str(password) for role, password in read_json(self._path("passwords.json")).items()}

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
        key = OKPKey.import_key(json.loads(self._path("signing.json").read_text()))
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

    def _write(self, name: str, text: str) -> None:
        path = self._path(name)
        path.touch(mode=0o600)
        path.write_text(text)
