"""The published shape of every event: JSON Schema 2020-12 with the classification of each field, kept in git.

`python -m contracts.schemas FOLDER` writes them; `--check` says which are not up to date and writes nothing.
"""

import json
import sys
from pathlib import Path

from contracts.catalogue import EVENTS, dataschema_of
from contracts.event import Event

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(event: type[Event]) -> str:
    """The schema as text, the same every time; unknown fields are allowed, since readers ignore them."""
    document = {
        "$schema": DIALECT,
        "$id": dataschema_of(event),
        **event.model_json_schema(mode="serialization"),
        "x-type": event.wire_type(),
        "x-private": event.private,
    }
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def path_of(event: type[Event], folder: Path) -> Path:
    return folder / event.speaker / f"{event.__name__}.v{event.version}.json"


def stale(folder: Path) -> list[Path]:
    """Files that differ from what the events say now, are missing, or belong to no event any more."""
    wanted = {path_of(event, folder): schema_of(event) for event in EVENTS}
    there = set(folder.glob("*/*.json"))
    return sorted(
        [path for path, text in wanted.items() if path not in there or path.read_text(encoding="utf-8") != text]
        + [path for path in there if path not in wanted]
    )


def write(folder: Path) -> None:
    for event in EVENTS:
        path = path_of(event, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(schema_of(event), encoding="utf-8")


def main(arguments: list[str]) -> int:
    folder = Path(next((one for one in arguments if not one.startswith("-")), "contracts/schemas"))
    if "--check" not in arguments:
        write(folder)
        return 0
    for path in stale(folder):
        print(f"not up to date: {path}", file=sys.stderr)
    return 1 if stale(folder) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
