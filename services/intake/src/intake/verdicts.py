"""The verdicts of a list as a CSV to send back: French, for a spreadsheet, with nothing of what the lines said."""

from collections.abc import AsyncIterator, Iterable, Sequence
from uuid import UUID

import asyncpg

from intake.rules import Verdict, sentence_of

HEADER = ("ligne", "verdict", "champ", "règle", "phrase")
BOM = "\ufeff"
LINES_AT_ONCE = 5000
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\x00", "＝", "＋", "－", "＠")

SAID: dict[Verdict, str] = {
    "accepted": "acceptée", "accepted_with_remarks": "acceptée avec remarques", "rejected": "rejetée", "held": "en attente de vérification",
    "not_kept": "non conservée",
}  # fmt: skip


def findings_of(verdict: Verdict, fields: Sequence[str], rules: Sequence[str]) -> list[tuple[str, str]]:
    """Field and rule of each finding; of an under-16, only that it was one."""
    return [("date_naissance", "UNDER_16")] if verdict == "not_kept" else list(zip(fields, rules, strict=True))


def rows_of(line: int, verdict: Verdict, fields: Sequence[str], rules: Sequence[str]) -> Iterable[tuple[str, ...]]:
    """One row for each finding; one for a line without any."""
    for field, rule in findings_of(verdict, fields, rules) or [("", "")]:
        yield str(line), SAID[verdict], field, rule, sentence_of(rule) if rule else ""


def row(cells: Iterable[str]) -> str:
    """Every cell quoted; one that a spreadsheet would take for a formula begins with an apostrophe."""
    return ";".join(f'"{_harmless(cell).replace(chr(34), chr(34) * 2)}"' for cell in cells) + "\r\n"


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


async def csv_of(pool: asyncpg.Pool, list_id: UUID) -> AsyncIterator[str]:
    """UTF-8 with a byte order mark, `;`, in pieces of some thousand lines: a national list needs no more memory than a small one."""
    yield BOM + row(HEADER)
    after = 0
    while found := await pool.fetch(PAGE, list_id, after, LINES_AT_ONCE):
        yield "".join(row(cells) for one in found for cells in rows_of(*one))
        after = found[-1]["line"]


PAGE = """
select line, verdict, fields, rules from line_verdict
where list_id = coalesce((select same_as from repeated_list where list_id = $1), $1) and line > $2 order by line limit $3
"""
