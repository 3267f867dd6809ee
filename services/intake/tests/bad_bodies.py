"""Makes bodies that nobody would send on purpose: good ones with bytes changed, or put together from the right pieces in the wrong way."""

import io
import json
import zipfile
from random import Random

from intake_specimens import (
    ELEVE,
    ENROLLED_ELEVE,
    RESPONSABLES,
    UAI,
    eleves_xml,
    enrolment,
    enrolments_csv,
    leaver,
    leavers_csv,
    sifa_line,
    zipped,
)

from intake.formats.csv_list import ENROLMENTS, LEAVERS

SPECIMENS = {
    "csv": [leavers_csv(leaver(), leaver(adresse='"3; rue\r\ndes Essais"')), enrolments_csv(enrolment()), leavers_csv(leaver()).decode().encode("utf-16")],
    "sifa": ["\n".join([sifa_line(), sifa_line(NOM="ARBELIN")]).encode(), sifa_line(";").encode()],
    "siecle": [
        eleves_xml(ELEVE, ENROLLED_ELEVE), eleves_xml(ELEVE, encoding="UTF-8"), zipped(e=eleves_xml(ELEVE), r=RESPONSABLES),
        zipped(e=eleves_xml(ELEVE)),
    ],
    "jsonl": ["\n".join(json.dumps(leaver(nom=name), ensure_ascii=False) for name in ("DUVALLON", "ARBELIN")).encode()],
}  # fmt: skip
TOKENS = (
    b"\x00", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n", b"\r\n", b'"', b'""', b";", b",", b"\t", b"|", b"<", b">", b"&", b"&#0;", b"&x;",
    b"]]>", b"<![CDATA[", b"<!DOCTYPE x>", b"<?xml version='1.0'?>", b"<ELEVE>", b"</ELEVE>", b"<ELEVE ELEVE_ID='1'/>", b"<x:y xmlns:x='z'/>",
    b"encoding='utf-7'", b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"{", b"}", b"[", b"]", b"NaN", b"1e999", b"null",
    b"\\u0000", b"\\ud800", b"-", b"=", b"'", b"0", b"99999999999999999999", b"2008-05-14", b"00/00/0000", b"\xc3", b"\xe9", b"\xf0\x9f\x98\x80",
    b"\xcc\x81", b"\xe2\x80\x8d", b"\xe2\x80\xa8", b"\xd0\xb0", UAI.encode(), b"0" * 5000, b"sep=;",
)  # fmt: skip
TAGS = (
    "BEE_ELEVES", "BEE_RESPONSABLES", "PARAMETRES", "UAJ", "DONNEES", "ELEVES", "ELEVE", "ADRESSES", "ADRESSE", "PERSONNES", "PERSONNE",
    "RESPONSABLES", "RESPONSABLE_ELEVE", "ELEVE_ID", "PERSONNE_ID", "ADRESSE_ID", "NOM_DE_FAMILLE", "PRENOM", "DATE_NAISS", "DATE_SORTIE",
    "CODE_POSTAL", "TEL_PORTABLE", "MEL", "NIVEAU_RESPONSABILITE", "HEBERGE_ELEVE", "STRUCTURE", "X",
)  # fmt: skip
CELLS = (
    "", UAI, "0440074X", "DUVALLON", "Maïa", "2008-05-14", "14052008", "14/05/2008", "2012-01-01", "45292", "1E+10", "1,5", "-", "\x00", "\u200d", "а",
    "＝1", "06 12 34 56 78 / 12", "+", "+" * 60, "9" * 400, "a@b", "@", "x" * 4001, '"', "'", "É" * 50, "\ud7ff", "\U0010ffff", "😀", "Ⅷ", "²", "٣",
)  # fmt: skip


def mutated(body: bytes, chance: Random) -> bytes:
    """The body with one to eight changes."""
    for _ in range(chance.randint(1, 8)):
        at = chance.randint(0, len(body))
        end = min(len(body), at + chance.choice((1, 1, 2, 8, 200)))
        change = chance.randrange(5)
        if change == 0:
            body = body[:at] + chance.choice(TOKENS) + body[at:]
        elif change == 1:
            body = body[:at] + chance.choice(TOKENS) + body[end:]
        elif change == 2:
            body = body[:at] + chance.randbytes(end - at) + body[end:]
        elif change == 3:
            body = body[:at] + body[at:end] * chance.choice((0, 2, 9)) + body[end:]
        else:
            body = body[:at] if chance.random() < 0.2 else body[:at] + body[chance.randint(0, len(body)) :]
    return body


def composed(list_format: str, chance: Random) -> bytes:
    """Of the format's own pieces, in any order."""
    match list_format:
        case "csv":
            header = chance.choice((LEAVERS, ENROLMENTS))
            return _table([list(header)], len(header), chance.choice(";,\t"), chance)
        case "sifa":
            return _table([sifa_line().split("|")], 47, chance.choice("|;"), chance)
        case "jsonl":
            return "\n".join(json.dumps(_value(chance, 0)) for _ in range(chance.randint(0, 6))).encode("utf-8", "surrogatepass")
        case _:
            return _archive(chance) if chance.random() < 0.4 else _xml(chance)


def _table(first: list[list[str]], columns: int, separator: str, chance: Random) -> bytes:
    lines = first + [
        [chance.choice(CELLS) for _ in range(columns + chance.choice((0, 0, 0, 0, 1, -1)))] for _ in range(chance.randint(0, 6))
    ]
    return chance.choice(("\n", "\r\n", "\r")).join(separator.join(line) for line in lines).encode()


def _value(chance: Random, depth: int) -> object:
    if depth == 0 and chance.random() < 0.9:
        return {chance.choice(LEAVERS): _value(chance, 1) for _ in range(chance.randint(0, 21))}
    kind = chance.randrange(8 if depth < 4 else 5)
    scalars: list[object] = [None, True, chance.randint(-(2**70), 2**70), chance.uniform(-1e300, 1e300)]
    if kind < len(scalars):
        return scalars[kind]
    if kind == 6:
        return [_value(chance, depth + 1) for _ in range(3)]
    if kind == 7:
        return {chance.choice(CELLS): _value(chance, depth + 1) for _ in range(3)}
    return chance.choice(CELLS)


def _xml(chance: Random) -> bytes:
    root = chance.choice(TAGS[:2]) if chance.random() < 0.9 else chance.choice(TAGS)
    inside = "".join(_element(chance, 1) for _ in range(chance.randint(0, 4)))
    return f'<?xml version="1.0" encoding="UTF-8"?><{root} VERSION="{chance.choice(("3.0", "2.1", "", "9"))}">{inside}</{root}>'.encode()


def _element(chance: Random, depth: int) -> str:
    tag = chance.choice(TAGS)
    attribute = f' {chance.choice(TAGS)}="{chance.randint(0, 3)}"' if chance.random() < 0.4 else ""
    if depth > 6 or chance.random() < 0.4:
        inside = chance.choice(CELLS).translate({0: "", ord('"'): "&quot;"})
    else:
        inside = "".join(_element(chance, depth + 1) for _ in range(chance.randint(0, 5)))
    return f"<{tag}{attribute}>{inside}</{tag}>"


def _archive(chance: Random) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))) as archive:
        for number in range(chance.randint(0, 4)):
            name = chance.choice(
                (f"{number}.xml", f"../../etc/{number}", f"/{number}", f"{number}/", f"é{number}", "x" * 300 + str(number))
            )
            content = chance.choice((eleves_xml(ELEVE), RESPONSABLES, b"", b"<X/>", _xml(chance), chance.randbytes(40)))
            archive.writestr(name, content)
    return packed.getvalue()
