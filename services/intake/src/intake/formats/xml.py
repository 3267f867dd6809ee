"""XML from outside, without DTD, entities, network or namespaces: elements are handed over one by one and then forgotten."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from intake.formats.archive import chunks
from intake.formats.cells import ListRefused, Source

DECLARED = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
ENCODINGS = frozenset({"utf-8", "utf8", "iso-8859-1", "iso-8859-15", "latin1", "windows-1252", "us-ascii", "ascii"})
BOM = b"\xef\xbb\xbf"
FORBIDDEN = ((b"<!DOCTYPE", "DOCTYPE_REFUSED"), (b"<!ENTITY", "DOCTYPE_REFUSED"), (b"<?xml-stylesheet", "EXTERNAL_REFERENCE"))
OVERLAP = 32
DEPTH_LIMIT = 32
ELEMENTS_LIMIT = 400_000
"""As many as are handed over of one file; whoever joins them keeps them."""
PARTS_LIMIT = 2000
"""Elements inside of one that is handed over."""
STARTS_LIMIT = 4_000_000
ATTRIBUTES_LIMIT = 64
GAP_LIMIT = 16 * 1024
"""Bytes from one `<` to the next: a tag with its attributes and the text that follows. Parsing a longer one costs its square."""
CONTAINERS = {
    "BEE_ELEVES": {"PARAMETRES", "DONNEES"}, "BEE_RESPONSABLES": {"PARAMETRES", "DONNEES"}, "ELEVES": {"ELEVE"}, "ADRESSES": {"ADRESSE"},
    "PERSONNES": {"PERSONNE"}, "RESPONSABLES": {"RESPONSABLE_ELEVE"},
}  # fmt: skip
"""SIECLE's containers of persons: what else stood in one would be lost without a word."""
XINCLUDE = "{http://www.w3.org/2001/XInclude}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Element:
    """A small element: its tag, its attributes, and the text of its direct children."""

    tag: str
    attributes: dict[str, str]
    children: dict[str, str]

    def get(self, name: str) -> str:
        return self.children.get(name, "").strip()

    def key(self, name: str) -> str:
        """An identifier, which some versions give as an attribute and some as a child."""
        return self.attributes.get(name, "").strip() or self.get(name)


def check(source: Source) -> None:
    """Refuse what no parser should see; every accepted encoding spells it in ASCII.

    Raises:
        ListRefused: ENCODING, TYPE_MISMATCH, DOCTYPE_REFUSED, EXTERNAL_REFERENCE or ELEMENT_TOO_LONG.
    """
    before, gap = b"", 0
    for place, chunk in enumerate(chunks(source())):
        if place == 0:
            _check_head(chunk)
        window = before + chunk
        for mark, rule in FORBIDDEN:
            if mark in window:
                raise ListRefused(rule)
        before = window[-OVERLAP:]
        gap = _gap_after(chunk, gap)


def _gap_after(chunk: bytes, gap: int) -> int:
    """How many bytes ago the last `<` was, `gap` bytes having gone by before this chunk."""
    pieces = chunk.split(b"<")
    if gap + len(pieces[0]) > GAP_LIMIT or any(len(piece) > GAP_LIMIT for piece in pieces[1:]):
        raise ListRefused("ELEMENT_TOO_LONG")
    return len(pieces[-1]) + (gap if len(pieces) == 1 else 0)


def _check_head(head: bytes) -> None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<", b"\x00\x00")):
        raise ListRefused("ENCODING")
    start = head.removeprefix(BOM).lstrip()
    if start and not start.startswith(b"<"):
        raise ListRefused("TYPE_MISMATCH")
    declared = DECLARED.match(start)
    if declared and declared[1].decode("ascii").lower() not in ENCODINGS:
        raise ListRefused("ENCODING")


def root_of(source: Source) -> tuple[str, dict[str, str]]:
    """Tag and attributes of the root.

    Raises:
        ListRefused: XML_BROKEN, SCHEMA_VERSION where a namespace is used, EXTERNAL_REFERENCE where a schema is to be fetched.
    """
    for _, element in _events(source, ("start",)):
        attributes = {str(name): str(value) for name, value in element.attrib.items()}
        if any(name.lower().endswith("schemalocation") and "://" in value for name, value in attributes.items()):
            raise ListRefused("EXTERNAL_REFERENCE")
        return str(element.tag), attributes
    raise ListRefused("XML_BROKEN")


def elements(source: Source, tags: frozenset[str]) -> Iterator[Element]:
    """Each element of these tags when it ends, in the order of the file; everything else is forgotten as it ends.

    Raises:
        ListRefused: XML_BROKEN, XML_DEPTH, TOO_MANY_LINES, EXTERNAL_REFERENCE, or SCHEMA_VERSION where a namespace is used, a container
            holds something unknown, or one element too much.
    """
    path, parts, found, started = list[str](), 0, 0, 0
    for event, element in _events(source, ("start", "end")):
        if event == "start":
            _check_place(element.tag, path)
            path.append(element.tag)
            parts, started = parts + 1, started + 1
            if started > STARTS_LIMIT:
                raise ListRefused("TOO_MANY_LINES")
            if parts > PARTS_LIMIT or len(element.attrib) > ATTRIBUTES_LIMIT:
                raise ListRefused("SCHEMA_VERSION")
            continue
        path.pop()
        if element.tag in tags:
            found += 1
            if found > ELEMENTS_LIMIT:
                raise ListRefused("TOO_MANY_LINES")
            children = {str(child.tag): child.text or "" for child in element}
            yield Element(tag=element.tag, attributes={str(k): str(v) for k, v in element.attrib.items()}, children=children)
        if tags.isdisjoint(path):
            parts = 0
            _forget(element)


def _check_place(tag: str, path: list[str]) -> None:
    if tag.startswith("{"):
        raise ListRefused("EXTERNAL_REFERENCE" if tag.startswith(XINCLUDE) else "SCHEMA_VERSION")
    if path and tag not in CONTAINERS.get(path[-1], {tag}):
        raise ListRefused("SCHEMA_VERSION")
    if len(path) >= DEPTH_LIMIT:
        raise ListRefused("XML_DEPTH")


def _forget(element: etree._Element) -> None:
    """The element and those before it: a file of many leaves nothing behind."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _events(source: Source, which: tuple[str, ...]) -> Iterator[tuple[str, etree._Element]]:
    parser = etree.iterparse(
        source(), events=which, resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        yield from parser
    except (etree.XMLSyntaxError, LookupError, ValueError):
        raise ListRefused("XML_BROKEN") from None
