"""Who is in last year's lists and in none of this year's: the cross-match by DuckDB, out of core, under intake's rule of identity.

The same, as `intake.identity` has it: INE, birth date and first given name agree, or both names, swapped; or, an INE lacking on one
side, folded names, birth date and commune of birth (through mergers) are equal and no second INE stands under them. A line of last
year without INE is of whoever has the one INE that stands under its names, birth date and commune. Less than that, but something (an
INE alone, names and birth date with a commune unstated, the same identity under another INE), goes to a human. Under-16s are counted
where they are read and left there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from chassis.paris import age_on
from contracts.intake import SnapshotKind
from intake.campaign.folding import MACROS
from intake.campaign.snapshots import Snapshot, SnapshotRefused
from intake.campaign.statements import (
    ABSENT,
    ADOPTED,
    BESIDE,
    COUNTED,
    DECIDE,
    ENROLLED,
    FATES,
    HELPERS,
    LEFT,
    MERGED,
    MET,
    NEAR,
    NOBODY,
    READ_AS,
    REVIEWS,
    SEEN,
    TOLD,
    TOLD_LAST_YEAR,
    TWO_DIGITS,
    UNSETTLED,
)
from intake.cleaning import DIPLOMA, FIRST_YEAR, INE, LAST_YEAR, NO_INE
from intake.domain.detection import Rule
from intake.formats.csv_list import LEAVERS
from intake.identity import COMMUNE
from intake.reference.communes import communes, current_commune
from intake.validation import OLDEST

YEARS = {"first": FIRST_YEAR, "last": LAST_YEAR}
OF_A_FILE = (duckdb.InvalidInputException, duckdb.BinderException, duckdb.IOException, duckdb.ConversionException)
"""What DuckDB raises of a file; of the machine, it raises others."""


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """What became of each line of somebody seen; these add up to `seen`."""

    seen: int
    unreadable: int
    under_16: int
    still_enrolled: int
    review: int
    followed: int
    not_dropout: int
    leavers: int


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Of one file. read: those that were cut out of it, good or bad. unreadable: those of them of which nobody can be known."""

    read: int
    unreadable: int


@dataclass(frozen=True, kw_only=True)
class Match:
    """One campaign's cross-match on an open DuckDB.

    rule: whose thresholds the vectorised form (`DECIDE`) takes; the domain decides again on each person that it lets through.
    """

    connection: duckdb.DuckDBPyConnection
    snapshots: Mapping[SnapshotKind, Snapshot]
    reference: date
    rule: Rule

    def run(self) -> tuple[Funnel, dict[SnapshotKind, Lines]]:
        """The funnel, and what each file has of lines. What is left is read by `leavers` and `reviews`.

        Raises:
            SnapshotRefused: a file that is not what it says.
            duckdb.Error: the machine does not give what the match needs.
        """
        self._sql(MACROS)
        self._sql(HELPERS.format(ine=INE.pattern, no_ine=NO_INE.pattern, commune=COMMUNE.pattern, **YEARS, **self._days()))
        self._remember_mergers()
        self._read("current", ENROLLED)
        self._read("previous", SEEN)
        self._sql(TOLD_LAST_YEAR.format(**self._days()))
        for kind, query in BESIDE.items():
            self._read(kind, query) if kind in self.snapshots else self._sql(NOBODY.format(kind=kind))
        low = _quoted(self._low())
        self._find_near("seen", "enrolled")
        self._sql(ADOPTED)
        self._meet("seen", "enrolled")
        self._sql(ABSENT)
        self._find_near("absent", "followed")
        self._meet("absent", "followed")
        self._sql(UNSETTLED.format(low=low, **self._days()))
        self._find_near("unsettled", "diplomas", counted="absent")
        self._meet("unsettled", "diplomas")
        self._sql(DECIDE.format(low=low, enrolled_days=self.rule.enrolled_days, **self._days()))
        return self._counted()

    def _counted(self) -> tuple[Funnel, dict[SnapshotKind, Lines]]:
        lines = {kind: self._lines(kind) for kind in self.snapshots}
        unreadable = lines["previous"].unreadable
        over_16, under_16 = self._row(COUNTED.format(**self._days()))
        left, met, doubt, followed, not_dropout, leavers = self._row(FATES)
        funnel = Funnel(
            seen=over_16 + under_16 + unreadable, unreadable=unreadable, under_16=under_16,
            still_enrolled=over_16 - left + met, review=doubt, followed=followed, not_dropout=not_dropout, leavers=leavers,
        )  # fmt: skip
        return funnel, lines

    def _lines(self, kind: SnapshotKind) -> Lines:
        """Somebody without a birth date cannot be told from another."""
        bad = self._bad(kind)
        read, undated = self._row(f"select count(*), count(*) filter (birth is null) from {READ_AS[kind]}")
        return Lines(read=bad + read, unreadable=bad + undated)

    def leavers(self) -> Iterator[Sequence[tuple[str, ...]]]:
        """Lines of those who may be dropouts, cells as our CSV of leavers has them, some lines at a time.

        By person; of one day's exits the longest stay comes last and so is the one that counts.
        """
        cells = ", ".join(TOLD.get(name, "''") for name in LEAVERS)
        found = self.connection.execute(LEFT.format(cells=cells, low=_quoted(self.rule.low_diplomas)))
        while rows := found.fetchmany(5000):
            yield rows

    def reviews(self) -> Iterator[tuple[str, ...]]:
        """Lines that a human must look at: why, then the cells of the line."""
        found = self.connection.execute(REVIEWS)
        while rows := found.fetchmany(5000):
            yield from rows

    def _low(self) -> frozenset[str]:
        """Diplomas with which somebody may be a dropout; whether a CAP holder is one, the domain says from the formation."""
        may = self.rule.cap_diplomas if self.rule.cap_holder == "dropout_before_terminale" else frozenset[str]()
        return self.rule.low_diplomas | may

    def _remember_mergers(self) -> None:
        """Under which code each commune that is no longer one stands today."""
        gone = {code: into for code, times in communes().items() if times[-1].into and (into := current_commune(code)) != code}
        self.connection.execute(MERGED, [list(gone), list(gone.values())])

    def _read(self, kind: SnapshotKind, query: str) -> None:
        """Raises SnapshotRefused."""
        try:
            self._sql(query.format(scan=self.snapshots[kind].scan(), codes=DIPLOMA.pattern, two_digits=TWO_DIGITS, **self._days()))
        except OF_A_FILE as error:
            raise SnapshotRefused(f"{kind}: it cannot be read as what it is said to be ({type(error).__name__})") from None

    def _find_near(self, left: str, right: str, counted: str | None = None) -> None:
        """Whom of `right` lines of `left` may mean. counted: the lines in which several INE may stand under one identity, if not `left`."""
        self._sql(NEAR.format(left=left, right=right, counted=counted or left, **self._days()))

    def _meet(self, left: str, right: str) -> None:
        """What each line of `left` is to those near it."""
        self._sql(MET.format(left=left, right=right))

    def _days(self) -> dict[str, str]:
        """The dates between which a birth date gives an age; whole years by the civil calendar, as the domain counts them."""
        ages = {"from_16": self.rule.age_from, "from_18": self.rule.majority, "from_26": self.rule.age_before, "too_old": OLDEST + 1}
        return {"reference": self.reference.isoformat(), **{name: _born_by(age, self.reference).isoformat() for name, age in ages.items()}}

    def _bad(self, kind: SnapshotKind) -> int:
        if self.snapshots[kind].is_parquet:
            return 0
        return self._row(f"select count(distinct line) from bad_{kind}")[0]

    def _sql(self, statements: str) -> None:
        self.connection.execute(statements)

    def _row(self, query: str) -> tuple[int, ...]:
        row = self.connection.execute(query).fetchone()
        return tuple(row or ())


def _quoted(codes: frozenset[str]) -> str:
    return ", ".join(f"'{code}'" for code in sorted(codes))


def _born_by(age: int, on: date) -> date:
    """The latest birth date of somebody who is that old on that day."""
    day = date(on.year - age, on.month, min(on.day, 28)) + timedelta(days=5)
    while age_on(day, on) < age:
        day -= timedelta(days=1)
    return day
