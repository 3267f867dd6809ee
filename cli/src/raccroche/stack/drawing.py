"""What secrets are drawn from chance, each how and only once; what is made from them; and the sentence when one is lost."""

import base64
import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from chassis.keyring import BadMasterKeys, master_keys_from

ADMIN = "raccroche_admin"
CLASSES = ("identity", "contact", "guardians", "notes", "list")
OPENS = {"intake": CLASSES, "followup": CLASSES, "transmission": ("identity", "contact", "guardians")}
KEY_BYTES = 32


class SecretLost(Exception):
    """A secret is missing, damaged, or another than what it was made from; says which file, and what to put back."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file that chance has made and nothing can make again.

    is_one: whether a text is what the file should hold. makes: the files that are made from it. loss: what a new one would do.
    """

    draw: Callable[[], str]
    is_one: Callable[[str], bool]
    makes: Callable[[str], Mapping[str, str]]
    loss: str


def fresh_password() -> str:
    return secrets.token_urlsafe(24)


def _key() -> str:
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _is_key(text: str) -> bool:
    return len(base64.b64decode(text.strip(), validate=True)) == KEY_BYTES


def _signing() -> str:
    key = OKPKey.generate_key("Ed25519", {"use": "sig", "kid": secrets.token_hex(8)}, auto_kid=False)
    return json.dumps(key.as_dict(private=True))


def _masters() -> str:
    return json.dumps({name: {"1": _key()} for name in CLASSES})


def _each_its_masters(text: str) -> dict[str, str]:
    master = json.loads(text)
    return {f"master-{service}.json": json.dumps({name: master[name] for name in classes}) for service, classes in OPENS.items()}


def _public(text: str) -> dict[str, str]:
    return {"jwks.json": json.dumps(KeySet([OKPKey.import_key(json.loads(text))]).as_dict(private=False))}


def _are_passwords(text: str) -> bool:
    return isinstance(found := json.loads(text), dict) and ADMIN in found and all(isinstance(one, str) and one for one in found.values())


def sources(roles: Sequence[str], shares: Callable[[Mapping[str, str]], Mapping[str, str]]) -> dict[str, Source]:
    """What is drawn, by the name of its file.

    roles: who has a password. shares: what else is made from the passwords.
    """
    return {
        "passwords.json": Source(
            draw=lambda: json.dumps({role: fresh_password() for role in roles}, indent=1),
            is_one=_are_passwords,
            makes=lambda text: shares(json.loads(text)),
            loss="the databases would refuse new ones",
        ),
        "signing.json": Source(
            draw=_signing,
            is_one=lambda text: OKPKey.import_key(json.loads(text)).is_private,
            makes=_public,
            loss="with a new one no token that was issued would be believed any more",
        ),
        "identity.key": Source(
            draw=_key,
            is_one=_is_key,
            makes=lambda _: {},
            loss="a new one would make doubles: whoever is known would be detected as somebody else",
        ),
        "master.json": Source(
            draw=_masters,
            is_one=lambda text: set(master_keys_from(text)) >= set(CLASSES),
            makes=_each_its_masters,
            loss="with new ones the personal data would be lost: nothing that was sealed could be opened",
        ),
    }


def drawn(path: Path, source: Source, made: Sequence[Path], *, first: bool) -> str:
    """What the file holds, or the first time what it is to hold.

    made: the files that may have been made from it.

    Raises:
        SecretLost: it should be there and is not, or is not what it should be.
    """
    text = text_of(path)
    if text is None:
        if first and not any(one.exists() for one in made):
            return source.draw()
        raise SecretLost(f"{path} is missing: put back the copy (docs/one-server.md). Nothing is drawn anew, since {source.loss}")
    try:
        good = source.is_one(text)
    except (ValueError, TypeError, JoseError, BadMasterKeys):
        good = False
    if not good:
        what = "not what was made here" if text.strip() else "empty"
        raise SecretLost(f"{path} is {what}: put back the copy (docs/one-server.md). Nothing is drawn anew, since {source.loss}")
    return text


def text_of(path: Path) -> str | None:
    """None where there is no such file.

    Raises:
        SecretLost: something is there that cannot be read.
    """
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as trouble:
        raise SecretLost(f"{path} cannot be read ({type(trouble).__name__}): put back the copy (docs/one-server.md)") from None


def agrees(path: Path, text: str) -> bool:
    """Whether the file is there and says the same; False where there is none.

    Raises:
        SecretLost: it cannot be read.
    """
    found = text_of(path)
    return found is not None and (found.split() == text.split() or _as_json(found) == _as_json(text) is not None)


def _as_json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def write_whole(path: Path, text: str) -> None:
    """All or nothing, and on the disk before it bears its name; its owner's alone."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.touch(mode=0o600)
    with beside.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
