"""The files of a campaign: which columns each has, and how DuckDB reads them, CSV or Parquet, every cell as text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contracts.intake import SnapshotKind

IDENTITY = ("ine", "nom", "prenom", "date_naissance", "commune_naissance")
ENROLMENT = ("uai", *IDENTITY, "formation", "date_entree", "date_sortie")
COLUMNS: Mapping[SnapshotKind, tuple[str, ...]] = {
    "previous": ENROLMENT,
    "current": ENROLMENT,
    "diplomas": (*IDENTITY, "diplome_obtenu", "date_obtention"),
    "followed": IDENTITY,
}
PATTERN = re.compile(r"[*?\[]")
"""What DuckDB takes in a path for a pattern of many."""


class SnapshotRefused(Exception):
    """A whole file cannot be used; says which and why, nothing of its content."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One file of a campaign."""

    kind: SnapshotKind
    path: Path

    @property
    def is_parquet(self) -> bool:
        return self.path.suffix == ".parquet"

    def check(self) -> None:
        """That the file is there and, as CSV, has our header.

        Raises:
            SnapshotRefused: it has not.
        """
        if not self.path.is_file():
            raise SnapshotRefused(f"{self.kind}: there is no such file")
        if PATTERN.search(str(self.path)):
            raise SnapshotRefused(f"{self.kind}: a path with * ? or [ in it would read other files too: give it another name")
        if self.is_parquet:
            return
        with self.path.open("rb") as opened:
            first = opened.readline(4096)
        header = first.decode("utf-8-sig", errors="replace").strip().replace('"', "").split(";")
        if tuple(header) != COLUMNS[self.kind]:
            raise SnapshotRefused(f"{self.kind}: the header is not {';'.join(COLUMNS[self.kind])}")

    def scan(self) -> str:
        """The relation that reads it, as SQL. Lines that cannot be cut are set aside and counted, not guessed at."""
        path = str(self.path).replace("'", "''")
        if self.is_parquet:
            cells = ", ".join(f"coalesce({name}::varchar, '') as {name}" for name in COLUMNS[self.kind])
            return f"(select {cells} from read_parquet('{path}', hive_partitioning = false))"
        columns = ", ".join(f"'{name}': 'varchar'" for name in COLUMNS[self.kind])
        return (
            f"read_csv('{path}', delim = ';', header = true, quote = '\"', escape = '\"', auto_detect = false, hive_partitioning = false,"
            f" nullstr = '\\x00', columns = {{{columns}}}, store_rejects = true, rejects_table = 'bad_{self.kind}',"
            f" rejects_scan = 'scan_{self.kind}')"
        )
