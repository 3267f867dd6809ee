"""The whole service on a real PostgreSQL: from a dropout to bytes that only the recipient reads."""

import asyncio
import hashlib
import signal
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import orjson
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey
from transmission_house import NOW, House

from contracts.intake import DropoutDetected, DropoutWithdrawn, Flags
from contracts.personal import Contact, Guardian, Guardians, Identity

pytestmark = pytest.mark.stack

KEYS = {name: ECKey.generate_key("P-256") for name in ("psad-35", "ml-35")}


async def designate(house: House, to: str, recipient_class: str, *, valid_to: datetime | None = None) -> UUID:
    designation_id = uuid5(UUID(int=0), to)
    body = {
        "departement": "35", "recipient_id": to, "recipient_class": recipient_class, "designated_by": "region-bretagne",
        "valid_from": "2026-01-01T00:00:00Z", "valid_to": valid_to and valid_to.isoformat(),
        "public_key": orjson.dumps(KEYS[to].as_dict(private=False)).decode(),
    }  # fmt: skip
    answer = await house.ask("PUT", f"/designations/{designation_id}", "ops", body)
    assert answer.status_code == 201, answer.text
    return designation_id


async def both(house: House) -> None:
    await designate(house, "psad-35", "designated_body")
    await designate(house, "ml-35", "mission_locale")


async def dropouts(house: House, count: int, flags: Flags | None = None) -> list[DropoutDetected]:
    """Young persons of 17 whose data is sealed as intake seals it."""
    persons = [uuid4() for _ in range(count)]
    await house.keyring.ensure(persons)
    keys = await house.keyring.keys(persons)
    return [
        DropoutDetected(
            person_id=person, detection_id=uuid5(person, "detection"), rule="siei", rule_version=1, facts=(), coverage={"csv": 1},
            flags=flags or Flags(l313_7=True, obligation_formation=True), reference_date=date(2026, 1, 31), age=17,
            majority_month="2026-09", departement="35", last_uai="0350001A", last_formation="bac pro", exit_date=date(2026, 1, 10),
            identity=keys[person].seal(Identity(ine=None, family_name=f"Ferrand{n}", first_names=("Maël",), birth_date=date(2008, 9, 1))),
            contact=keys[person].seal(Contact(phones=("+33600000001",))),
            guardians=keys[person].seal(Guardians(guardians=(Guardian(family_name="Ferrand"),))),
        )
        for n, person in enumerate(persons)
    ]  # fmt: skip


def opened(delivery: dict[str, str], recipient: str) -> dict[str, object]:
    plain = jwe.decrypt_compact(delivery["body"], KEYS[recipient], algorithms=["ECDH-ES", "A256GCM"]).plaintext
    return dict(orjson.loads(plain or b"{}"))


async def test_each_recipient_owed_fetches_what_only_it_can_read_and_acknowledges_it(house: House) -> None:
    await both(house)
    await house.hear(*await dropouts(house, 3))
    await house.settle()
    for recipient in ("psad-35", "ml-35"):
        token = f"recipient/{recipient}"
        deliveries = (await house.got("/deliveries?limit=10", token))["deliveries"]
        assert {hashlib.sha256(one["body"].encode()).hexdigest() == one["encrypted_sha256"] for one in deliveries} == {True}
        letters = [opened(one, recipient) for one in deliveries]
        assert sorted(str(dict(one["identity"])["family_name"]) for one in letters) == ["Ferrand0", "Ferrand1", "Ferrand2"]  # type: ignore[call-overload]  # an object of JSON
        legal = {"identity", "contact", "guardians", "last_uai", "last_formation", "exit_date", "flags"}
        assert [set(one) for one in letters] == [legal] * 3
        ids = [one["transmission_id"] for one in deliveries]
        answer = await house.ask("POST", "/deliveries/acknowledge", token, {"transmission_ids": ids})
        assert (answer.status_code, sorted(answer.json()["acknowledged"])) == (200, sorted(ids))
        assert (await house.got("/deliveries", token))["deliveries"] == []
    await house.settle()
    assert await house.admin.fetchval("select count(*) from deliveries") == 0
    assert await house.figures() == {
        "due": 6, "sent": 6, "acknowledged": 6, "refused": 0, "recalled": 0, "unroutable": 0,
        "by_recipient": {"ml-35": 3, "psad-35": 3}, "returns": {"establishments": 0, "lines": 0},
    }  # fmt: skip


async def test_the_hash_on_record_is_that_of_the_bytes_handed_over_and_the_sending_names_its_cause(house: House) -> None:
    await both(house)
    await house.hear(*await dropouts(house, 1))
    await house.settle()
    rows = await house.admin.fetch(
        """select convert_from(s.body, 'utf8')::json->>'encrypted_sha256' as said, encode(sha256(d.body), 'hex') as kept, c.type
        from events s join deliveries d on d.transmission_id = (convert_from(s.body, 'utf8')::json->>'transmission_id')::uuid
        join events c on c.event_id = s.causation_id where s.type like '%CoordinatesTransmitted%'"""
    )
    assert len(rows) == 2
    assert all(row["said"] == row["kept"] and "TransmissionDue" in row["type"] for row in rows)


async def test_two_senders_at_once_and_again_send_each_transmission_once(house: House) -> None:
    await both(house)
    await house.hear(*await dropouts(house, 30))
    await house.settle(sending=False)
    await asyncio.gather(*(house.sender.send_due() for _ in range(4)))
    assert await house.sender.send_due() == 0
    await house.settle()
    assert (await house.types())["CoordinatesTransmitted"] == 60
    assert await house.admin.fetchval("select count(*) from deliveries") == 60


@pytest.mark.parametrize(("point", "sent_before_death"), [("transmission_before_send_commit", 0), ("transmission_after_send_commit", 20)])
async def test_a_sender_that_is_killed_loses_nothing_and_sends_nothing_twice(house: House, point: str, sent_before_death: int) -> None:
    await both(house)
    await house.hear(*await dropouts(house, 10))
    await house.settle(sending=False)
    script = str(Path(__file__).parent / "killed_sender.py")
    killed = await asyncio.create_subprocess_exec(sys.executable, script, house.dsn, house.keys_dsn, point)
    assert await killed.wait() == -signal.SIGKILL
    assert (await house.types()).get("CoordinatesTransmitted", 0) == sent_before_death
    await house.settle()
    rows = await house.admin.fetch(MATCHED)
    assert (await house.types())["CoordinatesTransmitted"] == len(rows) == 20


MATCHED = """
select from events s join deliveries d on d.transmission_id = (convert_from(s.body, 'utf8')::json->>'transmission_id')::uuid
where s.type like '%CoordinatesTransmitted%' and convert_from(s.body, 'utf8')::json->>'encrypted_sha256' = encode(sha256(d.body), 'hex')
"""


async def test_a_recipient_sees_and_answers_its_own_only(house: House) -> None:
    await both(house)
    await house.hear(*await dropouts(house, 1, Flags(l313_7=False, obligation_formation=True)))
    await house.settle()
    assert (await house.got("/deliveries", "recipient/psad-35"))["deliveries"] == []
    (delivery,) = (await house.got("/deliveries", "recipient/ml-35"))["deliveries"]
    ids = [delivery["transmission_id"]]
    answer = await house.ask("POST", "/deliveries/acknowledge", "recipient/psad-35", {"transmission_ids": ids})
    assert answer.json() == {"acknowledged": [], "refused": {ids[0]: "no such transmission was sent to this recipient"}}
    assert len((await house.got("/deliveries", "recipient/ml-35"))["deliveries"]) == 1
    assert (await house.ask("GET", "/deliveries", "adviser")).status_code == 403


async def test_nothing_is_sent_to_who_is_no_longer_designated_when_sending(house: House) -> None:
    designation_id = await designate(house, "ml-35", "mission_locale")
    await house.hear(*await dropouts(house, 1, Flags(l313_7=False, obligation_formation=True)))
    await house.settle(sending=False)
    ended = {"departement": "35", "ended_at": (NOW + timedelta(hours=1)).isoformat()}
    assert (await house.ask("POST", f"/designations/{designation_id}/end", "ops", ended)).status_code == 201
    house.clock.at = NOW + timedelta(hours=1)
    await house.settle()
    assert (await house.types()).get("CoordinatesTransmitted", 0) == 0
    reason = await house.admin.fetchval("select convert_from(body, 'utf8')::json->>'reason' from events where type like '%Refused%'")
    assert reason == "designation_ended"
    assert await house.admin.fetchval("select count(*) from deliveries") == 0


async def test_who_was_told_is_told_again_when_the_dropout_is_withdrawn_and_unread_bytes_go(house: House) -> None:
    await both(house)
    (dropout,) = await dropouts(house, 1)
    await house.hear(dropout)
    await house.settle()
    ids = {one["transmission_id"] for name in KEYS for one in (await house.got("/deliveries", f"recipient/{name}"))["deliveries"]}
    await house.hear(DropoutWithdrawn(person_id=dropout.person_id, detection_id=dropout.detection_id, reason="enrolment_found", facts=()))
    await house.settle()
    recalls = [one for name in KEYS for one in (await house.got("/recalls", f"recipient/{name}"))["recalls"]]
    assert {(one["transmission_id"], one["reason"]) for one in recalls} == {(one, "enrolment_found") for one in ids}
    assert (await house.got("/deliveries", "recipient/ml-35"))["deliveries"] == []
    await house.sender.drop_recalled()
    assert await house.admin.fetchval("select count(*) from deliveries") == 0
    seen = recalls[0]["transmission_id"]
    assert (await house.got(f"/recalls?after={seen}", "recipient/psad-35"))["recalls"] == []


async def test_what_is_withdrawn_before_it_is_sent_never_leaves(house: House) -> None:
    await both(house)
    (dropout,) = await dropouts(house, 1)
    await house.hear(dropout)
    await house.settle(sending=False)
    await house.hear(DropoutWithdrawn(person_id=dropout.person_id, detection_id=dropout.detection_id, reason="diploma_found", facts=()))
    await house.settle()
    assert await house.types() == {"RecipientDesignated": 2, "TransmissionDue": 2, "TransmissionRefused": 2}
    assert await house.admin.fetchval("select count(*) from deliveries") == 0


async def test_a_person_whose_keys_are_gone_holds_up_nobody_else(house: House) -> None:
    await both(house)
    gone, there = await dropouts(house, 2)
    await house.keyring.destroy([gone.person_id])
    await house.hear(gone, there)
    await house.settle()
    assert (await house.types())["CoordinatesTransmitted"] == 2
    assert await house.parts.pending(house.admin) == 2


async def test_a_refused_delivery_is_gone_and_counted(house: House) -> None:
    await designate(house, "ml-35", "mission_locale")
    await house.hear(*await dropouts(house, 1, Flags(l313_7=False, obligation_formation=True)))
    await house.settle()
    (delivery,) = (await house.got("/deliveries", "recipient/ml-35"))["deliveries"]
    body = {"transmission_id": delivery["transmission_id"], "reason": "unreadable"}
    assert (await house.ask("POST", "/deliveries/refuse", "recipient/ml-35", body)).status_code == 200
    assert await house.admin.fetchval("select count(*) from deliveries") == 0
    answer = await house.ask("POST", "/deliveries/acknowledge", "recipient/ml-35", {"transmission_ids": [delivery["transmission_id"]]})
    assert answer.json()["refused"] == {delivery["transmission_id"]: "this transmission was refused by its recipient"}
    await house.settle()
    figures = await house.figures()
    assert (figures["sent"], figures["refused"]) == (1, 1)
