"""`raccroche intake`: held lines that wait for a human: which, whom each may mean, and whose it is, or nobody's."""

from typing import Annotated, Any, Literal
from uuid import UUID

import typer

from raccroche.keeping_commands import IN_VAR, Address, Json, Root, Token, ask, show

LINES = "/identity/held-lines"
FOR_WHOM = "In the local stack: as an adviser of these départements, separated by commas; as ops where none is named."

Territory = Annotated[str, typer.Option(help=FOR_WHOM)]
Reason = Annotated[
    Literal["sender_confirmed", "document_seen", "young_person_said", "mistake", "other"], typer.Option(help="By what it is known.")
]
Person = Annotated[UUID | None, typer.Option(help="It is this known person's.")]
New = Annotated[bool, typer.Option("--new", help="It is that of nobody who is known.")]
Discard = Annotated[Literal["wrong_line", "cannot_tell", "other"] | None, typer.Option(help="It is nobody's, for this motive.")]


def add_to(intake: typer.Typer) -> None:
    """These commands, in the group of the room."""
    intake.command("held-lines")(held_lines)
    intake.command("consult-line")(consult_line)
    intake.command("decide-line")(decide_line)


def held_lines(
    territory: Territory = "", root: Root = IN_VAR, address: Address = None, token: Token = None, json: Json = False,  # noqa: FBT002 -- typer's way of a flag
) -> None:  # fmt: skip
    """Held lines that wait for a human, the oldest first; nothing that names anybody. Roles adviser, ops."""
    answer = ask("GET", LINES, root, address, token, claims=_claims(territory))
    lines = [
        f"{one['list_id']} line {one['line']}  {one['sender']} of {one['reference_date']}, département {one['departement']}:"
        f" {', '.join(reason['rule'] for reason in one['reasons'])}; kept until {one['kept_until']}"
        f"{''.join(f'{chr(10)}  may be {person_id}' for person_id in one['people'])}"
        for one in answer["held_lines"]
    ]
    show(answer, lines or ["no line waits"], as_json=json)


def consult_line(
    list_id: UUID, line: int, territory: Territory = "", root: Root = IN_VAR, address: Address = None, token: Token = None,
    json: Json = False,  # noqa: FBT002 -- as above
) -> None:  # fmt: skip
    """Read who the line and the people whom it may mean are; that you did is written. Role adviser."""
    answer = ask("POST", f"{LINES}/{list_id}/{line}/consult", root, address, token, claims=_claims(territory))
    said = answer["said"]
    people = [f"{one['person_id']}: {'erased' if one['erased'] else _names(one['identity'])}" for one in answer["people"]]
    show(answer, [f"the line ({said['kind']}): {_names(said['identity'] or said)}", *people], as_json=json)


def decide_line(
    list_id: UUID, line: int, person: Person = None, new: New = False, discard: Discard = None, reason: Reason = "other",  # noqa: FBT002 -- as above
    territory: Territory = "", root: Root = IN_VAR, address: Address = None, token: Token = None, json: Json = False,  # noqa: FBT002 -- as above
) -> None:  # fmt: skip
    """Say whose the line is: --person ID, --new or --discard MOTIVE, one of them. Said again it changes nothing. Roles adviser, ops."""
    wishes: list[dict[str, Any]] = []
    if person is not None:
        wishes.append({"decision": "known_person", "person_id": str(person), "reason": reason})
    if new:
        wishes.append({"decision": "new_person", "reason": reason})
    if discard is not None:
        wishes.append({"decision": "discarded", "motive": discard})
    if len(wishes) != 1:
        raise typer.BadParameter("say one of --person, --new and --discard")
    answer = ask("POST", f"{LINES}/{list_id}/{line}/decide", root, address, token, claims=_claims(territory), json=wishes[0])
    show(answer, [f"{list_id} line {line}: {wishes[0]['decision']}"], as_json=json)


def _claims(territory: str) -> dict[str, Any]:
    places = tuple(part for part in territory.split(",") if part)
    return {"role": "adviser", "territory": places} if places else {"role": "ops"}


def _names(identity: dict[str, Any]) -> str:
    told = [identity["family_name"], " ".join(identity["first_names"]), identity.get("birth_date"), identity.get("birth_commune")]
    return ", ".join(str(one) for one in (*told, identity.get("ine")) if one)
