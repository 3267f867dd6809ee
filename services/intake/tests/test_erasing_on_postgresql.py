"""A person is erased, with everybody who is linked to them, on a real PostgreSQL and through the app's own routes."""

import asyncio
from datetime import date
from uuid import UUID, uuid4

import pytest
from intake_specimens import leaver, leavers_csv
from test_review_on_postgresql import ADULT, ADVISER, OPS, SENDER, THIRD, change, post, shown, standing, told, two_of_one
from test_revisiting_on_postgresql import Office, office  # noqa: F401 -- the fixture

from contracts.intake import ExitSeen, ListClosed, PersonErased, PersonsLinked

pytestmark = pytest.mark.stack


async def erased(office: Office) -> dict[UUID, UUID]:  # noqa: F811
    """By what was said: of whom each erasure was asked. The keyring agrees."""
    people = {one.person_id for one in await office.house.events(ExitSeen) if isinstance(one, ExitSeen)}
    found = {one.person_id: one.asked_of for one in await office.house.events(PersonErased) if isinstance(one, PersonErased)}
    assert await office.house.keyring.erased(sorted(people)) == found.keys()
    return found


async def digests_of(office: Office, *people: UUID) -> int:  # noqa: F811
    tables = ("identity_token", "identity_likeness")
    counts = [await office.house.pool.fetchval(f"select count(*) from {name} where person_id = any($1)", people) for name in tables]
    return sum(counts)


async def test_erasing_one_of_the_linked_erases_both(office: Office) -> None:  # noqa: F811
    older, younger = await two_of_one(office)
    await change(office, "links", older, younger)
    assert (await post(office, f"/persons/{younger}/erase", OPS)).status_code == 201
    assert await erased(office) == {older: younger, younger: younger}
    assert await digests_of(office, older, younger) == 0
    assert await standing(office) == set()
    (pair,) = await shown(office, ADVISER, "linked")
    assert (await post(office, f"/identity/candidates/{pair['candidate_id']}/consult", ADVISER)).status_code == 410


async def test_erasing_one_who_is_not_linked_or_no_longer_leaves_the_other(office: Office) -> None:  # noqa: F811
    older, younger = await two_of_one(office)
    for verb in ("links", "unlinks"):
        await change(office, verb, older, younger)
    assert (await post(office, f"/persons/{younger}/erase", OPS)).status_code == 201
    assert await erased(office) == {younger: younger}
    assert await digests_of(office, older) > 0


async def test_unlinked_after_the_erasure_nobody_is_found_again(office: Office) -> None:  # noqa: F811
    older, younger = await two_of_one(office)
    await change(office, "links", older, younger)
    await post(office, f"/persons/{older}/erase", OPS)
    assert (await change(office, "unlinks", older, younger)).status_code == 201
    assert await standing(office) == set()
    assert (await change(office, "links", older, younger)).status_code == 409


async def test_asked_again_it_changes_nothing_and_others_may_not_ask(office: Office) -> None:  # noqa: F811
    older, younger = await two_of_one(office)
    path = f"/persons/{older}/erase"
    for headers in (ADVISER, SENDER):
        assert (await post(office, path, headers)).status_code == 403
    assert (await post(office, f"/persons/{uuid4()}/erase", OPS)).status_code == 404
    assert await erased(office) == {}
    key = uuid4()
    first = await post(office, path, OPS, key)
    assert (await post(office, path, OPS, key)).content == first.content
    assert (await post(office, path, OPS)).json()["events"] == []
    assert await erased(office) == {older: older}
    assert await digests_of(office, younger) > 0


async def test_the_next_list_that_tells_them_makes_a_new_person_and_is_read_to_its_end(office: Office) -> None:  # noqa: F811
    older, younger = await two_of_one(office)
    await post(office, f"/persons/{older}/erase", OPS)
    await told(office, THIRD, leavers_csv(leaver(**ADULT, motif_sortie="11")), date(2026, 2, 20))
    closed = [one.list_id for one in await office.house.events(ListClosed) if isinstance(one, ListClosed)]
    last = (await office.house.events(ExitSeen))[-1]
    assert closed[-1] == THIRD and isinstance(last, ExitSeen) and last.person_id not in {older, younger}


async def test_a_link_and_an_erasure_at_the_same_time_are_one_after_the_other(office: Office) -> None:  # noqa: F811
    older, younger = await two_of_one(office)
    await asyncio.gather(change(office, "links", older, younger), post(office, f"/persons/{older}/erase", OPS))
    linked = await office.house.events(PersonsLinked)
    assert (await erased(office)).keys() == ({older, younger} if linked else {older})
