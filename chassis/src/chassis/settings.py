"""What a service process is told at its start: every environment variable, read once, in one place."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class BadSettings(ValueError):
    """A variable is missing or contradicts another; says which and what to do."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Addresses, files and switches. Secrets come as files or DSNs and are never shown."""

    app_dsn: str
    consumer_dsn: str
    relay_dsn: str
    bootstrap: str
    passfile: Path | None
    http_host: str
    http_port: int
    tokens_jwks_file: Path
    tokens_issuer: str
    tokens_audience: str
    keyring_dsn: str | None
    keyring_master_keys_file: Path | None
    identity_key_file: Path | None
    clock_offset_file: Path | None
    refill: bool
    spans_file: Path | None
    otlp_endpoint: str | None
    log_level: str
    failpoint: str | None
    directory_file: Path | None = None
    directory_complete: bool = False

    def __repr__(self) -> str:
        return f"Settings({self.bootstrap}, {self.http_host}:{self.http_port})"


NEEDED = (
    "APP_DSN", "CONSUMER_DSN", "RELAY_DSN", "KAFKA_BOOTSTRAP_SERVERS", "HTTP_PORT",
    "TOKENS_JWKS_FILE", "TOKENS_ISSUER", "TOKENS_AUDIENCE",
)  # fmt: skip


def settings_from(environ: Mapping[str, str]) -> Settings:
    """Read the environment.

    Raises:
        BadSettings: something is missing or says neither yes nor no, or a clock offset is asked for outside a local stack.
    """
    if missing := [name for name in NEEDED if not environ.get(name)]:
        raise BadSettings(f"set {', '.join(missing)} (docs/ops.md lists every variable)")
    refill = environ.get("REFILL") == "local"
    if environ.get("CLOCK_OFFSET_FILE") and not refill:
        raise BadSettings("CLOCK_OFFSET_FILE belongs to a local stack; unset it, or set REFILL=local if this is one")
    return Settings(
        app_dsn=environ["APP_DSN"],
        consumer_dsn=environ["CONSUMER_DSN"],
        relay_dsn=environ["RELAY_DSN"],
        bootstrap=environ["KAFKA_BOOTSTRAP_SERVERS"],
        passfile=_path(environ, "PGPASSFILE"),
        http_host=environ.get("HTTP_HOST", "127.0.0.1"),
        http_port=int(environ["HTTP_PORT"]),
        tokens_jwks_file=Path(environ["TOKENS_JWKS_FILE"]),
        tokens_issuer=environ["TOKENS_ISSUER"],
        tokens_audience=environ["TOKENS_AUDIENCE"],
        keyring_dsn=environ.get("KEYRING_DSN") or None,
        keyring_master_keys_file=_path(environ, "KEYRING_MASTER_KEYS_FILE"),
        identity_key_file=_path(environ, "IDENTITY_KEY_FILE"),
        clock_offset_file=_path(environ, "CLOCK_OFFSET_FILE"),
        refill=refill,
        spans_file=_path(environ, "SPANS_FILE"),
        otlp_endpoint=environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None,
        log_level=environ.get("LOG_LEVEL", "info"),
        failpoint=environ.get("FAILPOINT") or None,
        directory_file=_path(environ, "DIRECTORY_FILE"),
        directory_complete=_yes(environ, "DIRECTORY_COMPLETE"),
    )


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None


def _yes(environ: Mapping[str, str], name: str) -> bool:
    said = environ.get(name) or "no"
    if said not in {"yes", "no"}:
        raise BadSettings(f"{name} is yes or no")
    return said == "yes"


def check_files(settings: Settings) -> None:
    """Are the files there that the settings name, before anything is opened?

    The database driver says nothing of a file of passwords that it cannot take, and then fails for want of a password.

    Raises:
        BadSettings: one is missing, cannot be read, is empty, or is a file of passwords that others can read too.
    """
    files = {
        "PGPASSFILE": settings.passfile, "TOKENS_JWKS_FILE": settings.tokens_jwks_file,
        "KEYRING_MASTER_KEYS_FILE": settings.keyring_master_keys_file, "IDENTITY_KEY_FILE": settings.identity_key_file,
        "DIRECTORY_FILE": settings.directory_file,
    }  # fmt: skip
    for name, path in files.items():
        if path is not None and (wrong := _wrong_with(path)):
            raise BadSettings(f"{name} names {path}, which {wrong}")
    if settings.passfile is not None and settings.passfile.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadSettings(f"PGPASSFILE names {settings.passfile}, which others than its owner can read: chmod 600")


def _wrong_with(path: Path) -> str | None:
    if not path.exists():
        return "is not there"
    if not path.is_file():
        return "is no file"
    if not os.access(path, os.R_OK):
        return f"user {os.geteuid()} cannot read"
    return "is empty" if path.stat().st_size == 0 else None
