"""`make test-compose`: builds, plays, strikes, compares, takes everything down; exit 0 only when all of it held and nothing is left."""

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from compose.engine import Wrong, an_engine
from compose.playing import play
from compose.troubles import TROUBLES
from raccroche.demo.showing import Progress, show_report


def options_from(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="compose", description="Plays the demonstration in containers, and the troubles of a server.")
    parser.add_argument(
        "names", nargs="*", help="troubles whose name contains one of these, without the demonstration; all of it by default"
    )
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("var/compose.json"))
    parser.add_argument("--root", type=Path, default=Path("var/compose-rehearsal"), help="emptied first, and gone afterwards")
    return parser.parse_args(words)


async def main() -> int:
    options = options_from(sys.argv[1:])
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the platforms' own clients tell at length that the broker is away
    show, began = Progress(), time.monotonic()
    told: dict[str, object] = {}
    try:
        async with an_engine(options.root) as engine:
            show("— building the image, twice: what runs, and what it is upgraded to")
            first = engine.tag
            await engine.build(f"{first}-next")
            await engine.build(first)
            if not options.names:
                told = await play(engine, options.people, options.seed, show)
                show_report(told, [])
            for name, trouble in TROUBLES.items():
                if not options.names or any(part in name for part in options.names):
                    show(f"— {name}")
                    said = told[name] = await trouble(engine)
                    print(f"{name}: " + "; ".join(said), flush=True)
    except Wrong as wrong:
        print(f"WRONG: {wrong}", file=sys.stderr)
        return 1
    told["whole"] = round(time.monotonic() - began, 1)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(told, indent=1, default=str))
    show(f"— done, nothing is left, {told['whole']} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
