"""`raccroche privacy`: erase a person, and everybody who is linked to them."""

from uuid import UUID

import typer

from raccroche.keeping_commands import IN_VAR, Address, Json, Root, Token, ask, show

privacy = typer.Typer(no_args_is_help=True, help="What a person may ask for.")


@privacy.callback()
def _group() -> None:
    """So that one command alone keeps its name."""


@privacy.command("erase")
def erase(person_id: UUID, root: Root = IN_VAR, address: Address = None, token: Token = None, json: Json = False) -> None:  # noqa: FBT002 -- typer's way of a flag
    """Destroy the keys of a person and of everybody linked to them, for ever: every copy is unreadable. Role ops."""
    answer = ask("POST", f"/persons/{person_id}/erase", root, address, token, claims={"role": "ops"})
    erased = [f"erased: {one['stream'].removeprefix('person-')}" for one in answer["events"]]
    show(answer, erased or ["erased before"], as_json=json)
