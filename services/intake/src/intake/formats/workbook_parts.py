"""The parts of an Office Open XML workbook (ECMA-376), each as what the parser calls while it reads: no tree is built."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from lxml import etree

from intake.formats import archive, xml
from intake.formats.cells import CELL_LIMIT, ListRefused, Source

ROWS_LIMIT, COLUMNS_LIMIT = 1_048_576, 16_384
TEXTS_LIMIT = 2_000_000
DATE_FORMATS = frozenset({14, 15, 16, 17, 22, *range(27, 37), *range(50, 59)})
QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})", re.ASCII)
ESCAPED = re.compile(r"_x00([01][0-9A-Fa-f])_")
FIRST_GOOD_SERIAL = 61
"""Before it the calendar of spreadsheets has a 29 February 1900."""
LAST_SERIAL = 2_958_465
WHOLE_NUMBERS = 1 << 53


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row that is not blank, by its number in the sheet; its cells by their place from 0, none of them empty."""

    number: int
    cells: Mapping[int, str]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    source: Source
    texts: list[str]
    dated: frozenset[int]
    from_1904: bool


class Target:
    """What the parser calls as it goes; a tag comes without its namespace."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.opened(tag.rpartition("}")[2], attributes)

    def end(self, tag: str) -> None:
        self.closed(tag.rpartition("}")[2])

    def data(self, data: str) -> None:
        """Text; most parts have none that matters."""

    def close(self) -> None:
        """Nothing is left over."""

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Most elements begin quietly."""

    def closed(self, tag: str) -> None:
        """Most elements end quietly."""


def parsed(source: Source, target: Target) -> Iterator[None]:
    """Feed the target; a pause after each chunk.

    Raises:
        ListRefused: XML_BROKEN, what the target refuses, or what no parser should see.
    """
    xml.check(source)
    parser = etree.XMLParser(
        target=target,  # type: ignore[arg-type]  # the stubs ask for bytes too, and for comments; lxml gives text, and asks first
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    try:
        for chunk in archive.chunks(source()):
            parser.feed(chunk)
            yield
        parser.close()
    except (etree.XMLSyntaxError, LookupError, UnicodeError):
        raise ListRefused("XML_BROKEN") from None
    yield


def read_whole(source: Source, target: Target) -> None:
    """A part of which nothing is needed before its end.

    Raises:
        ListRefused: as `parsed`.
    """
    for _ in parsed(source, target):
        pass


class Book(Target):
    """Sheets in their order, by relation, with their state."""

    def __init__(self) -> None:
        self.sheets: list[tuple[str, str]] = []
        self.from_1904 = False

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "sheet":
            relation = next((value for name, value in attributes.items() if name.endswith("}id")), "")
            self.sheets.append((relation, attributes.get("state", "visible")))
        elif tag == "workbookPr":
            self.from_1904 = attributes.get("date1904") in {"1", "true"}


class Relations(Target):
    """Parts by relation."""

    def __init__(self) -> None:
        self.targets: dict[str, str] = {}

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "Relationship":
            kind = attributes.get("Type", "")
            if kind.endswith("/vbaProject"):
                raise ListRefused("MALWARE")
            if kind.endswith("/externalLink") or attributes.get("TargetMode") == "External":
                raise ListRefused("EXTERNAL_REFERENCE")
            self.targets[attributes.get("Id", "")] = attributes.get("Target", "")


class Styles(Target):
    """Which formats of cells are dates."""

    def __init__(self) -> None:
        self._custom: set[int] = set()
        self._formats: list[int] = []
        self._in_cells = False

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "numFmt" and _is_date_format(attributes.get("formatCode", "")):
            self._custom.add(_number(attributes.get("numFmtId")))
        elif tag == "cellXfs":
            self._in_cells = True
        elif tag == "xf" and self._in_cells:
            self._formats.append(_number(attributes.get("numFmtId")))

    def closed(self, tag: str) -> None:
        if tag == "cellXfs":
            self._in_cells = False

    def dated(self) -> frozenset[int]:
        return frozenset(place for place, one in enumerate(self._formats) if one in DATE_FORMATS or one in self._custom)


def _is_date_format(code: str) -> bool:
    """A day or a year is shown; what is quoted, coloured or padded is not looked at."""
    return bool(re.search("[dyjaDYJA]", QUOTED.sub("", code).replace("General", "").replace("Standard", "")))


def _number(text: str | None) -> int:
    return int(text) if text and re.fullmatch("[0-9]{1,9}", text) else -1


@dataclass(kw_only=True)
class _Text:
    """A text as it comes, no more of it kept than shows that it is too long."""

    parts: list[str] = field(default_factory=list)
    length: int = 0

    def add(self, data: str) -> None:
        if self.length <= CELL_LIMIT:
            self.parts.append(data[: CELL_LIMIT + 1 - self.length])
            self.length += len(data)

    def take(self) -> str:
        found = "".join(self.parts)
        self.parts, self.length = [], 0
        return ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), found) if "_x00" in found else found


class Texts(Target):
    """The texts that cells refer to; rich ones in one piece, without how they are pronounced."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._text = _Text()
        self._open: list[str] = []

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:  # noqa: ARG002 -- every target has this signature
        self._open.append(tag)

    def data(self, data: str) -> None:
        if self._open and self._open[-1] == "t" and "rPh" not in self._open:
            self._text.add(data)

    def closed(self, tag: str) -> None:
        self._open.pop()
        if tag == "si":
            if len(self.found) >= TEXTS_LIMIT:
                raise ListRefused("ARCHIVE_RATIO")
            self.found.append(self._text.take())


class Rows(Target):
    """The rows of a sheet."""

    def __init__(self, *, sheet: Sheet) -> None:
        self._sheet = sheet
        self._ready: list[Row] = []
        self._number = 0
        self._column = -1
        self._cells: dict[int, str] = {}
        self._kind = self._style = ""
        self._text = _Text()
        self._inside: str | None = None

    def taken(self) -> list[Row]:
        ready, self._ready = self._ready, []
        return ready

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        match tag:
            case "row":
                self._number = self._next_row(attributes.get("r"))
                self._column, self._cells = -1, {}
            case "c":
                self._column = self._next_column(attributes.get("r"))
                self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
            case "v" | "t":
                self._inside = tag
            case "rPh":
                self._inside = None
            case "f":
                raise ListRefused("WORKBOOK_FORMULA")
            case "mergeCell":
                raise ListRefused("WORKBOOK_MERGED")
            case _:
                pass

    def _next_row(self, said: str | None) -> int:
        number = _number(said) if said else self._number + 1
        if not self._number < number <= ROWS_LIMIT:
            raise ListRefused("SCHEMA_VERSION")
        return number

    def _next_column(self, said: str | None) -> int:
        place = self._column + 1
        if said:
            reference = REFERENCE.fullmatch(said)
            place = _place_of(reference[1]) if reference and int(reference[2]) == self._number else -1
        if not self._column < place < COLUMNS_LIMIT:
            raise ListRefused("SCHEMA_VERSION")
        return place

    def data(self, data: str) -> None:
        if self._inside:
            self._text.add(data)

    def closed(self, tag: str) -> None:
        match tag:
            case "v" | "t":
                self._inside = None
            case "c":
                if shown := self._shown(self._text.take()).strip():
                    self._cells[self._column] = shown
            case "row":
                if self._cells:
                    self._ready.append(Row(number=self._number, cells=self._cells))
            case _:
                pass

    def _shown(self, value: str) -> str:
        match self._kind:
            case "s":
                return self._shared(value)
            case "b":
                return "true" if value == "1" else "false" if value else ""
            case "n":
                return _shown_number(value, dated=_number(self._style) in self._sheet.dated, from_1904=self._sheet.from_1904)
            case _:
                return value

    def _shared(self, value: str) -> str:
        place = _number(value.strip())
        if not 0 <= place < len(self._sheet.texts):
            raise ListRefused("SCHEMA_VERSION")
        return self._sheet.texts[place]


def _place_of(letters: str) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - ord("A") + 1
    return place - 1


def _shown_number(value: str, *, dated: bool, from_1904: bool) -> str:
    """Digits, or the ISO date that a serial number stands for; what is neither stays as it is."""
    try:
        number = float(value)
    except ValueError:
        return value
    if dated and (
        1 <= number < FIRST_GOOD_SERIAL - 1 or FIRST_GOOD_SERIAL <= number <= LAST_SERIAL or (from_1904 and 0 <= number <= LAST_SERIAL)
    ):
        return _day(int(number), from_1904=from_1904)
    return str(int(number)) if abs(number) < WHOLE_NUMBERS and number.is_integer() else value


def _day(serial: int, *, from_1904: bool) -> str:
    epoch = date(1904, 1, 1) if from_1904 else date(1899, 12, 30 if serial >= FIRST_GOOD_SERIAL else 31)
    try:
        return (epoch + timedelta(days=serial)).isoformat()
    except OverflowError:
        return str(serial)
