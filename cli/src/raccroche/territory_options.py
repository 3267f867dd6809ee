"""`--academie`, `--region`, `--departement`: of where figures are asked, in every command that shows some."""

from typing import Annotated

import typer

Academies = Annotated[list[str] | None, typer.Option("--academie", help="Only of this académie, by its two digits; may be repeated.")]
Regions = Annotated[list[str] | None, typer.Option("--region", help="Only of this région, by INSEE's code; may be repeated.")]
Departements = Annotated[list[str] | None, typer.Option("--departement", help="Only of this département; may be repeated.")]


def asked_of(academie: list[str] | None, region: list[str] | None, departement: list[str] | None) -> dict[str, list[str]]:
    """As parameters of an address; what is not named is left out."""
    named = {"academie": academie, "region": region, "departement": departement}
    return {name: codes for name, codes in named.items() if codes}
