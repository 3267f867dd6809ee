"""XML from outside, without DTD, entities, network or namespaces: elements are handed over one by one and then forgotten."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from intake.formats.cells import ListRefused

DECLARED = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
ENCODINGS = frozenset({"utf-8", "utf8", "iso-8859-1", "iso-8859-15", "latin1", "windows-1252", "us-ascii", "ascii"})
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True)
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


def check(body: bytes) -> None:
    """Refuse what no parser should see.

    Raises:
        ListRefused: ENCODING, TYPE_MISMATCH or DOCTYPE_REFUSED.
    """
    if body.startswith((b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<", b"\x00\x00")):
        raise ListRefused("ENCODING")
    if not body.removeprefix(BOM).lstrip().startswith(b"<"):
        raise ListRefused("TYPE_MISMATCH")
    declared = DECLARED.match(body.removeprefix(BOM).lstrip())
    if declared and declared[1].decode("ascii").lower() not in ENCODINGS:
        raise ListRefused("ENCODING")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:  # every accepted encoding spells these in ASCII
        raise ListRefused("DOCTYPE_REFUSED")


def root_of(body: bytes) -> tuple[str, dict[str, str]]:
    """Tag and attributes of the root."""
    for _, element in _events(body, ("start",)):
        return str(element.tag), {str(name): str(value) for name, value in element.attrib.items()}
    raise ListRefused("XML_BROKEN")


def elements(body: bytes, tags: frozenset[str]) -> Iterator[Element]:
    """Each element of these tags when it ends, in the order of the file.

    Raises:
        ListRefused: XML_BROKEN, or SCHEMA_VERSION where a namespace is used.
    """
    for _, element in _events(body, ("end",)):
        if not isinstance(element.tag, str):
            continue
        if element.tag.startswith("{"):
            raise ListRefused("SCHEMA_VERSION")
        if element.tag in tags:
            children = {str(child.tag): child.text or "" for child in element if isinstance(child.tag, str)}
            yield Element(tag=element.tag, attributes={str(k): str(v) for k, v in element.attrib.items()}, children=children)
            element.clear()


def _events(body: bytes, which: tuple[str, ...]) -> Iterator[tuple[str, etree._Element]]:
    parser = etree.iterparse(
        io.BytesIO(body), events=which, resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        yield from parser
    except (etree.XMLSyntaxError, LookupError, ValueError):
        raise ListRefused("XML_BROKEN") from None
