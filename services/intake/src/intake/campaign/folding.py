"""Identity's folding of names (`cleaning.folded`) as DuckDB macros; a test compares every admitted letter."""

from intake.cleaning import NOT_COMPOSED

TWO_LETTERS = {
    "ß": "SS", "ĳ": "IJ", "Ĳ": "IJ", "ǆ": "DZ", "ǅ": "DZ", "Ǆ": "DZ", "ǉ": "LJ", "ǈ": "LJ",
    "Ǉ": "LJ", "ǌ": "NJ", "ǋ": "NJ", "Ǌ": "NJ", "ǳ": "DZ", "ǲ": "DZ", "Ǳ": "DZ",
}  # fmt: skip
ONE_LETTER = {"ŀ": "L", "Ŀ": "L", "ŉ": "N", "ẚ": "A"}


WHOLE = {letter: written for code, written in NOT_COMPOSED.items() for letter in (chr(code), chr(code).lower())}


def _replaced(name: str) -> str:
    for letter, written in {**TWO_LETTERS, **ONE_LETTER, **WHOLE}.items():
        name = f"replace({name}, '{letter}', '{written}')"
    return name


RARE = "".join((*TWO_LETTERS, *ONE_LETTER, *WHOLE))

MACROS = f"""
create or replace temp macro letters_of(name) as regexp_replace(upper(strip_accents(name)), '[^A-Z]', '', 'g');
create or replace temp macro folded(name) as case
  when regexp_full_match(name, '[A-Za-z]*') then upper(name)
  when regexp_matches(name, '[{RARE}]') then letters_of({_replaced("name")})
  else letters_of(name) end;
"""
"""Three ways, since nearly every name needs only the first."""
