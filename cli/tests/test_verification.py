"""The checker finds whatever was changed, in either copy, and says which event and what; and is content with what was not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.chain import GENESIS, canonical, digest_of, leaf_of, link
from contracts.envelope import rfc3339
from raccroche.verification import Kept, verify

SOURCE = "/raccroche/offers"
NOW = datetime(2026, 2, 1, 8, 30, 0, 123456, tzinfo=UTC)
LENGTH = 6


def event(sequence: int, previous: bytes, *, private: bool = False) -> Kept:
    """One event as a speaker stores it, placed after the chain so far."""
    body = b'{"n":%d}' % sequence
    number = sequence + (1000 if private else 0)
    attributes = canonical(
        {
            "specversion": "1.0", "id": str(UUID(int=number)), "source": SOURCE, "type": "fr.raccroche.offers.OfferPublished.v1",
            "subject": f"offer-{sequence}", "time": rfc3339(NOW), "datacontenttype": "application/json", "dataschema": "/schemas/x",
            "recordedtime": rfc3339(NOW), "streamid": f"offer-{sequence}", "streamversion": "1", "digest": digest_of(body),
            "correlationid": str(UUID(int=7)), "actor": "someone",
        }
    )  # fmt: skip
    leaf = leaf_of(attributes)
    return Kept(
        source=SOURCE, private=private, sequence=sequence, event_id=UUID(int=number), type="fr.raccroche.offers.OfferPublished.v1",
        subject=f"offer-{sequence}", stream_id=f"offer-{sequence}", stream_version=1, happened_at=NOW, recorded_at=NOW,
        actor="someone", correlation_id=UUID(int=7), causation_id=None, attributes=attributes, body=body,
        chain=link(previous, sequence, leaf), leaf=leaf,
    )  # fmt: skip


def said(length: int = LENGTH, *, private: bool = False) -> list[Kept]:
    events: list[Kept] = []
    for sequence in range(1, length + 1):
        previous = events[-1].chain if events else GENESIS
        events.append(event(sequence, previous or GENESIS, private=private))
    return events


def heard(events: Sequence[Kept]) -> list[Kept]:
    return [replace(one, leaf=None, digest=digest_of(one.body)) for one in events]


def found(store: Sequence[Kept], history: Sequence[Kept]) -> set[tuple[str, int | None, str]]:
    return {(fault.copy, fault.sequence, fault.what) for fault in verify(SOURCE, store=store, history=history).faults}


def changed(events: Sequence[Kept], place: int, change: Callable[[Kept], Kept]) -> list[Kept]:
    return [change(one) if one.sequence == place else one for one in events]


def test_what_was_not_changed_is_verified_and_its_head_is_told() -> None:
    events = said()
    verdict = verify(SOURCE, store=[*events, *said(3, private=True)], history=heard(events))
    assert (verdict.verified, verdict.events, verdict.private) == (True, LENGTH, 3)
    assert str(verdict) == f"{SOURCE}: 6 events and 3 private, chain verified, head {(events[-1].chain or b'').hex()}"


def test_a_speaker_that_said_nothing_yet_is_verified() -> None:
    assert verify(SOURCE, store=[], history=[]).verified


def test_an_event_that_has_no_place_yet_is_no_fault() -> None:
    verdict = verify(SOURCE, store=[*said(), replace(event(9, GENESIS), sequence=None, chain=None)], history=heard(said()))
    assert (verdict.verified, verdict.waiting) == (True, 1)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda one: replace(one, body=b'{"n":99}'), "body"),
        (lambda one: replace(one, type="fr.raccroche.offers.OfferWithdrawn.v1"), "type"),
        (lambda one: replace(one, happened_at=NOW + timedelta(microseconds=1)), "time"),
        (lambda one: replace(one, recorded_at=NOW - timedelta(days=1)), "recordedtime"),
        (lambda one: replace(one, actor="someone-else"), "actor"),
        (lambda one: replace(one, subject="offer-x"), "subject"),
        (lambda one: replace(one, stream_id="offer-x"), "streamid"),
        (lambda one: replace(one, stream_version=2), "streamversion"),
        (lambda one: replace(one, correlation_id=UUID(int=8)), "correlationid"),
        (lambda one: replace(one, causation_id=UUID(int=8)), "causationid"),
        (lambda one: replace(one, event_id=UUID(int=8)), "id"),
        (lambda one: replace(one, chain=bytes(32)), "chain"),
        (lambda one: replace(one, attributes=one.attributes + b" "), "attributes"),
    ],
)
@pytest.mark.parametrize("copy", ["store", "history"])
def test_a_change_is_named_with_its_place_and_what_differs(change: Callable[[Kept], Kept], what: str, copy: str) -> None:
    store, history = said(), heard(said())
    if copy == "store":
        store = changed(store, 3, change)
    else:
        history = changed(history, 3, change)
    faults = found(store, history)
    assert (copy, 3, what) in faults
    assert {place for _, place, _ in faults} == {3}


def test_a_body_changed_with_its_digest_and_leaf_still_breaks_the_chain_and_disagrees_with_the_other_copy() -> None:
    def forge(one: Kept) -> Kept:
        body = b'{"n":99}'
        attributes = one.attributes.replace(digest_of(one.body).encode(), digest_of(body).encode())
        return replace(one, body=body, attributes=attributes, leaf=leaf_of(attributes))

    faults = found(changed(said(), 3, forge), heard(said()))
    assert {("store", 3, "chain"), ("both", 3, "body"), ("both", 3, "digest")} <= faults


def test_a_store_rewritten_from_one_event_to_its_head_disagrees_with_history_from_there_on() -> None:
    rewritten = said(2)
    for sequence in range(3, LENGTH + 1):
        forged = replace(event(sequence, rewritten[-1].chain or GENESIS), actor="x")
        attributes = forged.attributes.replace(b'"someone"', b'"x"')
        leaf = leaf_of(attributes)
        rewritten.append(replace(forged, attributes=attributes, leaf=leaf, chain=link(rewritten[-1].chain or GENESIS, sequence, leaf)))
    faults = found(rewritten, heard(said()))
    assert ("both", 3, "actor") in faults
    assert {place for _, place, _ in faults} == {3, 4, 5, 6}


@pytest.mark.parametrize("place", range(1, LENGTH + 1))
def test_a_missing_event_is_named_wherever_it_stood(place: int) -> None:
    without = [one for one in said() if one.sequence != place]
    assert ("both", place, "not in the store") in found(without, heard(said()))
    assert ("both", place, "not in history") in found(said(), heard(without))


def test_two_events_that_changed_places_are_found() -> None:
    store = said()
    second, third = store[1], store[2]
    store[1], store[2] = replace(third, sequence=2, chain=second.chain), replace(second, sequence=3, chain=third.chain)
    assert {("store", 2, "chain"), ("store", 3, "chain"), ("both", 2, "body")} <= found(store, heard(said()))


def test_an_event_said_twice_under_one_place_is_found() -> None:
    assert ("history", 2, "sequence") in found(said(), [*heard(said()), heard(said())[1]])


def test_a_private_event_that_was_changed_is_found_in_the_chain_of_its_own() -> None:
    private = changed(said(3, private=True), 2, lambda one: replace(one, body=b"{}"))
    assert ("store", 2, "body") in found([*said(), *private], heard(said()))


BYTES = ("attributes", "body", "chain", "leaf")


@given(copy=st.sampled_from(["store", "history"]), place=st.integers(1, LENGTH), field=st.sampled_from(BYTES), data=st.data())
def test_any_single_byte_flip_is_found(copy: str, place: int, field: str, data: st.DataObject) -> None:
    store, history = said(), heard(said())
    events = store if copy == "store" else history
    kept: bytes | None = getattr(events[place - 1], field)
    if kept is None:
        field, kept = "body", events[place - 1].body
    at, mask = data.draw(st.integers(0, len(kept) - 1)), data.draw(st.integers(1, 255))
    flipped = kept[:at] + bytes([kept[at] ^ mask]) + kept[at + 1 :]
    events[place - 1] = replace(events[place - 1], **{field: flipped})
    assert any(sequence == place for _, sequence, _ in found(store, history))


@given(place=st.integers(1, LENGTH), field=st.sampled_from(("attributes", "body", "chain")), data=st.data())
def test_any_single_byte_flip_of_history_is_found_without_the_store(place: int, field: str, data: st.DataObject) -> None:
    history = heard(said())
    kept: bytes = getattr(history[place - 1], field)
    at, mask = data.draw(st.integers(0, len(kept) - 1)), data.draw(st.integers(1, 255))
    flipped = kept[:at] + bytes([kept[at] ^ mask]) + kept[at + 1 :]
    history[place - 1] = replace(history[place - 1], **{field: flipped})
    faults = verify(SOURCE, store=[], history=history).faults
    assert any(fault.copy == "history" and fault.sequence == place for fault in faults)
