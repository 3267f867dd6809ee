"""SIECLE exports: `ElevesAvecAdresses` with `ResponsablesAvecAdresses`, `Structures`, `Nomenclature`, zipped, or pupils alone (DOMAIN 6.1).

A pupil with an exit date has left; one without is an enrolment. ELEVE_ID joins inside the file and means nothing outside it.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import BinaryIO

from contracts.intake import Finding
from intake.formats import archive, xml
from intake.formats.cells import CELL_LIMIT, Adapter, Cells, Fault, GuardianCells, ListRefused, RawLine, Source, from_start, head_of
from intake.formats.text import CONTROL
from intake.formats.xml import Element

VERSION = re.compile(r"(1\.[7-9]|2\.\d|3\.0)(\.\d+)?", re.ASCII)
UNKNOWN_MEF = (Finding(field="CODE_MEF", rule="SIECLE_MEF_UNKNOWN"),)
DAY = re.compile(r"(\d{2})/(\d{2})/(\d{4})", re.ASCII)
PRIORITY = {"1": 0, "2": 1}
LINES = ("LIGNE1_ADRESSE", "LIGNE2_ADRESSE", "LIGNE3_ADRESSE", "LIGNE4_ADRESSE")
PHONES = ("TEL_PERSONNEL", "TEL_PORTABLE", "TEL_PROFESSIONNEL")

COLUMNS = {
    "uai": "UAJ", "ine": "ID_NATIONAL", "family_name": "NOM_DE_FAMILLE", "usage_name": "NOM_USAGE", "first_names": "PRENOM",
    "birth_date": "DATE_NAISS", "birth_commune": "CODE_COMMUNE_INSEE_NAISS", "postcode": "CODE_POSTAL", "entry_date": "DATE_ENTREE",
    "exit_date": "DATE_SORTIE", "phones": "TEL_PORTABLE", "email": "MEL", "guardian_phones": "TEL_PERSONNEL", "guardian_email": "MEL",
}  # fmt: skip


@dataclass(kw_only=True)
class Files:
    """What the files hold beside the pupils: read first, and joined to each pupil as it comes. mefs: none where no file names them."""

    uai: str = ""
    roots: set[str] = field(default_factory=set)
    uais: set[str] = field(default_factory=set)
    mefs: set[str] | None = None
    eleves: Source | None = None
    addresses: dict[str, Element] = field(default_factory=dict)
    persons: dict[str, Element] = field(default_factory=dict)
    links: dict[str, list[Element]] = field(default_factory=lambda: defaultdict(list))


def read(body: BinaryIO) -> Iterator[RawLine]:
    """Every ELEVE, numbered from 1 in the order of the file.

    Raises:
        ListRefused: for a structural rule of archives, XML or SIECLE.
    """
    head = head_of(body)
    if not head.strip():
        raise ListRefused("EMPTY_LIST")
    zipped = head.startswith(archive.MAGIC)
    files = Files()
    for source in archive.members(body).values() if zipped else [partial(from_start, body)]:
        _take(source, files)
    if files.eleves is None:
        raise ListRefused("TYPE_MISMATCH")
    if len(files.uais) > 1:
        raise ListRefused("SET_MIXED")
    number = 0
    for number, eleve in enumerate(xml.elements(files.eleves, frozenset({"ELEVE"})), 1):
        yield _line(number, eleve, files)
    if not number:
        raise ListRefused("EMPTY_LIST")


def _take(source: Source, files: Files) -> None:
    xml.check(source)
    root, attributes = xml.root_of(source)
    if root.startswith("{"):
        raise ListRefused("SCHEMA_VERSION")
    if root in files.roots:
        raise ListRefused("SET_DOUBLE")
    files.roots.add(root)
    match root:
        case "BEE_ELEVES":
            _take_eleves(source, attributes, files)
        case "BEE_RESPONSABLES":
            _take_guardians(source, files)
        case "BEE_STRUCTURES":
            _take_parameters(source, files)
        case "BEE_NOMENCLATURES":
            _take_nomenclatures(source, files)
        case "BEE_COMMUN" | "BEE_GEOGRAPHIQUE":
            pass  # of the set, and of no use: their structure is not known (README.md)
        case _:
            raise ListRefused("TYPE_MISMATCH")


def _take_eleves(source: Source, attributes: dict[str, str], files: Files) -> None:
    """All but the pupils, who come when everything that is joined to them is known."""
    if not VERSION.fullmatch(attributes.get("VERSION", "")):
        raise ListRefused("SCHEMA_VERSION")
    files.eleves = source
    for element in xml.elements(source, frozenset({"PARAMETRES", "ELEVE", "ADRESSE"})):
        if element.tag == "PARAMETRES":
            files.uai = _uai_of(element, files)
        elif element.tag == "ADRESSE":
            files.addresses[f"eleve {element.key('ADRESSE_ID')}"] = element


def _take_guardians(source: Source, files: Files) -> None:
    for element in xml.elements(source, frozenset({"PARAMETRES", "PERSONNE", "ADRESSE", "RESPONSABLE_ELEVE"})):
        if element.tag == "PARAMETRES":
            _uai_of(element, files)
        elif element.tag == "PERSONNE":
            files.persons[element.key("PERSONNE_ID")] = element
        elif element.tag == "ADRESSE":
            files.addresses[f"guardian {element.key('ADRESSE_ID')}"] = element
        else:
            files.links[element.key("ELEVE_ID")].append(element)


def _take_parameters(source: Source, files: Files) -> None:
    """Divisions and groups are not kept; but whose they are tells whether the set is one."""
    for element in xml.elements(source, frozenset({"PARAMETRES"})):
        _uai_of(element, files)


def _take_nomenclatures(source: Source, files: Files) -> None:
    files.mefs = set()
    for element in xml.elements(source, frozenset({"PARAMETRES", "MEF"})):
        if element.tag == "PARAMETRES":
            _uai_of(element, files)
        elif code := element.key("CODE_MEF"):
            files.mefs.add(code)


def _uai_of(parameters: Element, files: Files) -> str:
    """ELEVE_ID joins the files of one establishment: those of two would give pupils the guardians of others."""
    uai = parameters.get("UAJ").upper()
    if uai:
        files.uais.add(uai)
    return uai


def _line(number: int, eleve: Element, files: Files) -> RawLine:
    cells = eleve.children.values()
    if any(CONTROL.search(cell.strip()) for cell in cells):
        return Fault(line=number, rule="CONTROL_CHAR")
    if any(len(cell) > CELL_LIMIT for cell in cells):
        return Fault(line=number, rule="CELL_TOO_LONG")
    links = sorted(files.links.get(eleve.key("ELEVE_ID"), ()), key=_order)
    address = _address(eleve, links, files)
    return Cells(
        line=number,
        kind="leaver" if eleve.get("DATE_SORTIE") else "enrolment",
        uai=files.uai,
        ine=eleve.get("INE_RNIE") or eleve.get("ID_NATIONAL") or eleve.get("INE_BEA"),
        family_name=eleve.get("NOM_DE_FAMILLE") or eleve.get("NOM"),
        usage_name=eleve.get("NOM_USAGE"),
        first_names=tuple(name for name in (eleve.get("PRENOM"), eleve.get("PRENOM2"), eleve.get("PRENOM3")) if name),
        birth_date=eleve.get("DATE_NAISS"),
        birth_commune=_birth_commune(eleve),
        sex=eleve.get("CODE_SEXE"),
        phones=_phones(eleve),
        email=eleve.get("MEL"),
        address=tuple(line for name in LINES if address and (line := address.get(name))),
        postcode=address.get("CODE_POSTAL") if address else "",
        commune=(address.get("LIBELLE_POSTAL") or address.get("COMMUNE_ETRANGERE")) if address else "",
        guardians=tuple(_guardian(link, files.persons[key]) for link in links if (key := link.key("PERSONNE_ID")) in files.persons),
        formation=eleve.get("CODE_MEF"),
        entry_date=eleve.get("DATE_ENTREE"),
        exit_date=eleve.get("DATE_SORTIE"),
        motive=eleve.get("CODE_MOTIF_SORTIE"),
        findings=UNKNOWN_MEF if _is_unknown(eleve.get("CODE_MEF"), files.mefs) else (),
    )


def _is_unknown(mef: str, mefs: set[str] | None) -> bool:
    """By the establishment's own nomenclature, where the set has it."""
    return mefs is not None and bool(mef) and mef not in mefs


def _order(link: Element) -> int:
    return PRIORITY.get(link.get("NIVEAU_RESPONSABILITE"), 2)


def _address(eleve: Element, links: list[Element], files: Files) -> Element | None:
    """The pupil's own, else that of the guardian who houses the pupil."""
    own = files.addresses.get(f"eleve {eleve.key('ADRESSE_ID')}")
    if own is not None:
        return own
    for link in sorted(links, key=lambda one: one.get("HEBERGE_ELEVE") not in {"1", "true"}):
        person = files.persons.get(link.key("PERSONNE_ID"))
        if person and (theirs := files.addresses.get(f"guardian {person.key('ADRESSE_ID')}")):
            return theirs
    return None


def _birth_commune(eleve: Element) -> str:
    """An INSEE code; born abroad, 99 and the country's code."""
    country = eleve.get("CODE_PAYS")
    abroad = f"99{country}" if country and country != "100" else ""
    return eleve.get("CODE_COMMUNE_INSEE_NAISS") or abroad


def _guardian(link: Element, person: Element) -> GuardianCells:
    return GuardianCells(
        family_name=person.get("NOM_DE_FAMILLE"),
        first_name=person.get("PRENOM"),
        phones=_phones(person),
        email=person.get("MEL"),
        priority=link.get("NIVEAU_RESPONSABILITE"),
    )


def _phones(element: Element) -> tuple[str, ...]:
    return tuple(dict.fromkeys(phone for name in PHONES if (phone := element.get(name))))


def date_of(cell: str) -> date:
    """JJ/MM/AAAA.

    Raises:
        ValueError: not so, or no such day.
    """
    if day := DAY.fullmatch(cell):
        return date(int(day[3]), int(day[2]), int(day[1]))
    raise ValueError("not a date of this format")


ADAPTER = Adapter(
    name="siecle", about=frozenset({"leaver", "enrolment"}), content_type="application/zip", read=read, date_of=date_of, columns=COLUMNS,
    complete=True,
)  # fmt: skip
