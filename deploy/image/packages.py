"""Which packages the image needs, and their pins: versions and hashes come from the one lock, names from what is installed here.

`packages.py names ROOT...` lists what these packages need on the image's Python, in an environment that has them all;
`packages.py write FOLDER` writes the image's two lists so;
`packages.py pinned NAMES LOCK` prints those blocks of the lock.
"""

import re
import sys
from importlib.metadata import requires
from pathlib import Path

PYTHON = "3.12"
SERVED = ("raccroche-intake", "raccroche-followup", "raccroche-offers", "raccroche-transmission", "raccroche-history", "raccroche-cli")
BUILT_WITH = ("uv-build", "cyclonedx-bom")
BLOCK = re.compile(r"^([a-z0-9-]+)==[^\n]*(?:\n    --hash[^\n]*)+", re.MULTILINE)


class NotLocked(Exception):
    """A package that the image needs is not in the lock."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names(roots: tuple[str, ...]) -> list[str]:
    """Everything that `roots` need, themselves included, but nothing of ours, which is built from this tree."""
    from packaging.requirements import Requirement  # noqa: PLC0415 -- the builder has no such package when it asks for pins

    seen: set[tuple[str, str]] = set()
    todo = [(canonical(root), "") for root in roots]
    while todo:
        if (one := todo.pop()) in seen:
            continue
        seen.add(one)
        where = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0", "extra": one[1]}
        for needed in map(Requirement, requires(one[0]) or ()):
            if needed.marker is None or needed.marker.evaluate(where):
                todo += [(canonical(needed.name), extra) for extra in ("", *needed.extras)]
    return sorted({name for name, _ in seen if not name.startswith("raccroche-")})


def pinned(wanted: list[str], lock: str) -> str:
    """The lock's blocks of these names.

    Raises:
        NotLocked: one is missing.
    """
    blocks = {match[1]: match[0] for match in BLOCK.finditer(lock)}
    if missing := [name for name in wanted if name not in blocks]:
        raise NotLocked(", ".join(missing))
    return "\n".join(blocks[name] for name in wanted) + "\n"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["names", *roots]:
            print(*names(tuple(roots)), sep="\n")
        case ["write", folder]:
            for listed, wanted in {"installed.txt": SERVED, "tools.txt": BUILT_WITH}.items():
                Path(folder, listed).write_text("".join(f"{name}\n" for name in names(wanted)))
        case ["pinned", listed, lock]:
            print(pinned(Path(listed).read_text().split(), Path(lock).read_text()), end="")
        case _:
            sys.exit(__doc__)
