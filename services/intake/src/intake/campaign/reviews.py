"""The file of lines that a human must look at: names in the clear, so for one user's eyes, and never in the place of anything else."""

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from intake.campaign.admitting import CampaignRefused
from intake.campaign.snapshots import ENROLMENT

HEADER = ("motif", *ENROLMENT)
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def check(path: Path) -> None:
    """That nothing lies there, or a file of reviews, which the new one replaces.

    Raises:
        CampaignRefused: something else does, as one of the campaign's own files; a link, whatever it leads to; or there is no folder.
    """
    if not path.parent.is_dir():
        raise CampaignRefused("the file of reviews cannot be made: there is no such folder")
    if path.exists(follow_symlinks=False) and not _is_ours(path):
        raise CampaignRefused("where the reviews should go lies something else, which they would destroy: give a path of their own")


def _is_ours(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as opened:
        first = opened.readline(4096)
    return first.decode("utf-8-sig", errors="replace").strip() == ";".join(HEADER)


def lines_of(rows: Iterable[Sequence[str | None]]) -> str:
    """Lines of the file, in memory; no cell is a formula."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";").writerows([_plain(cell or "") for cell in row] for row in rows)
    return text.getvalue()


def write(path: Path, lines: str) -> None:
    """A CSV that only this user can read; it takes the place of an earlier one when it is whole.

    Raises:
        CampaignRefused: it cannot be made there.
    """
    check(path)
    try:
        opened, unfinished = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # 0600
    except OSError as error:
        raise CampaignRefused(f"the file of reviews cannot be made: {error.strerror}") from None
    with os.fdopen(opened, "w", encoding="utf-8-sig", newline="") as file:
        file.write(lines_of([HEADER]) + lines)
    Path(unfinished).replace(path)


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell
