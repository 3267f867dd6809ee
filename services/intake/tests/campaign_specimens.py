"""Files of a campaign for tests, and what each match gives."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from contracts.intake import SnapshotKind
from intake.campaign.admitting import Accepted
from intake.campaign.crossing import Crossed, Limits, cross
from intake.campaign.snapshots import COLUMNS, Snapshot
from intake.domain.detection import SIEI_V1, Rule

REFERENCE = date(2026, 11, 2)
SPACES = " \t\u00a0\u202f\u3000"

type Rows = Iterable[Mapping[str, str]]

LEAVER = {
    "uai": "0440074S", "ine": "123456789AB", "nom": "Vorkild", "prenom": "Quelo", "date_naissance": "2009-03-14", "commune_naissance": "44109",
    "formation": "2PRO", "date_entree": "2025-09-01", "date_sortie": "",
}  # fmt: skip
STAYS = {**LEAVER, "ine": "223456789AB", "nom": "Ghylana", "commune_naissance": "49007"}


def written(folder: Path, **files: Rows) -> dict[SnapshotKind, Snapshot]:
    """CSV files of these rows; columns that a row does not have are empty."""
    return {kind: _write(folder, kind, rows) for kind, rows in files.items() if kind in COLUMNS}  # type: ignore[index,arg-type,misc]  # the kinds are the keywords


def _write(folder: Path, kind: SnapshotKind, rows: Rows) -> Snapshot:
    path = folder / f"{kind}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS[kind], restval="", extrasaction="ignore", delimiter=";", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return Snapshot(kind=kind, path=path)


SMALL = Accepted(any_volume=True)
"""Of files of two or three lines no share means anything."""


def crossed(
    snapshots: Mapping[SnapshotKind, Snapshot],
    accepted: Accepted = SMALL,
    rule: Rule = SIEI_V1,
    there: Mapping[SnapshotKind, int] | None = None,
) -> Crossed:
    return cross(snapshots, there or {}, REFERENCE, rule, Limits(threads=1, memory="512MB"), accepted, reviewed=True)


def lines_of(body: bytes) -> Sequence[dict[str, str]]:
    return list(csv.DictReader(body.decode().splitlines(), delimiter=";"))
