"""Deliberately broken houses: each takes one guard away, and the oracles must find it; a check that stays green on them is void."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import chassis.event_store
from chassis.consumer import Consumer
from chassis.handler import Handler
from chassis.relay import Relay
from chassis.share import Share
from chassis.watchdog import Verdict
from simulation.broken import (
    Blurting,
    CachedNumbers,
    ComparesBefore,
    ForgetsAnswers,
    KeysAfterEffects,
    KeysInMemory,
    MarkApart,
    MarkNotCompared,
    RedrivesBackwards,
    SaysWhatIsNotCommitted,
    ShuffledOutbox,
    SkipLocked,
    WithCursor,
    always_next,
    answer_first,
    drop,
    empty_first,
    leaf_of_reordered,
    nobody_set_aside,
    sees_nothing,
    take_without_compare,
)
from simulation.variants import Variant


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """guarantee: the one that it breaks. found_as: guarantees under which the oracles may report it."""

    name: str
    guarantee: str
    found_as: tuple[str, ...]
    variant: Variant = field(default_factory=Variant)
    patches: tuple[tuple[object, str, object], ...] = ()

    @contextmanager
    def applied(self) -> Iterator[Variant]:
        """The house without its guard, for as long as the block lasts."""
        before = [(owner, name, vars(owner)[name]) for owner, name, _ in self.patches]  # as it stands: a static method stays one
        for owner, name, broken in self.patches:
            setattr(owner, name, broken)
        try:
            yield self.variant
        finally:
            for owner, name, whole in before:
                setattr(owner, name, whole)


MUTANTS: tuple[Mutant, ...] = (
    Mutant(name="the answer before the commit", guarantee="G1", found_as=("G1",), patches=((Handler, "_answer", answer_first),)),
    Mutant(name="synchronous_commit=off", guarantee="G1", found_as=("G1", "G3", "G11"), variant=Variant(late_commit=True)),
    Mutant(name="versions are not unique", guarantee="G2", found_as=("G2",), variant=Variant(unique=False)),
    Mutant(name="the version is compared before the write", guarantee="G2", found_as=("G2",), variant=Variant(store=ComparesBefore, unique=False)),
    Mutant(name="the outbox is emptied before the acknowledgement", guarantee="G3", found_as=("G3",),
           patches=((Relay, "finish", staticmethod(empty_first)),)),
    Mutant(name="said before it is committed", guarantee="G3", found_as=("G3", "G4"), variant=Variant(store=SaysWhatIsNotCommitted, outbox=Blurting)),
    Mutant(name="a cursor over the outbox", guarantee="G4", found_as=("G3", "G4", "G8"), variant=Variant(outbox=WithCursor)),
    Mutant(name="the key is the event's id", guarantee="G5", found_as=("G5",), variant=Variant(key_of_event=True)),
    Mutant(name="two batches in flight without idempotence", guarantee="G5", found_as=("G5",), variant=Variant(in_flight=2)),
    Mutant(name="numbers drawn fifty at a time (CACHE 50)", guarantee="G4", found_as=("G5",), variant=Variant(memory=CachedNumbers)),
    Mutant(name="two relays that skip what is locked", guarantee="G5", found_as=("G5",),
           variant=Variant(outbox=SkipLocked, relays_hold_lock=False)),
    Mutant(name="the outbox in another order", guarantee="G5", found_as=("G5",), variant=Variant(outbox=ShuffledOutbox)),
    Mutant(name="acks=1", guarantee="G6", found_as=("G6",), variant=Variant(acks="1")),
    Mutant(name="min.insync.replicas=1", guarantee="G6", found_as=("G6",), variant=Variant(in_sync_is_enough=True)),
    Mutant(name="acknowledged before the work (ACK_FIRST, auto-commit)", guarantee="G7", found_as=("G7", "G9"),
           variant=Variant(ledger=MarkNotCompared, acknowledged_first=True), patches=((Share, "_move_mark", take_without_compare),)),
    Mutant(name="the mark in another transaction", guarantee="G7", found_as=("G7", "G9"), variant=Variant(ledger=MarkApart)),
    Mutant(name="no watermark", guarantee="G7", found_as=("G7",), patches=((Share, "_is_next", always_next),)),
    Mutant(name="the mark is not compared", guarantee="G8", found_as=("G7", "G9"), variant=Variant(ledger=MarkNotCompared),
           patches=((Share, "_move_mark", take_without_compare),)),
    Mutant(name="no watchdog", guarantee="G8", found_as=("G8",), patches=((Verdict, "of", sees_nothing),)),
    Mutant(name="the client decodes", guarantee="G9", found_as=("G8", "G9"), variant=Variant(client_decodes=True)),
    Mutant(name="except: continue", guarantee="G9", found_as=("G9",), patches=((Consumer, "_park", drop),)),
    Mutant(name="the parked are passed", guarantee="G9", found_as=("G9", "G7"), patches=((Share, "_not_aside", nobody_set_aside),)),
    Mutant(name="redriven last first", guarantee="G9", found_as=("G7", "G9"), variant=Variant(ledger=RedrivesBackwards)),
    Mutant(name="a clock in a projection", guarantee="G10", found_as=("G10",), variant=Variant(in_rows=lambda world: str(world.clock.now()))),
    Mutant(name="chance in a projection", guarantee="G10", found_as=("G10",), variant=Variant(in_rows=lambda _: str(random.random()))),
    Mutant(name="command ids are not kept", guarantee="G11", found_as=("G11",), variant=Variant(store=ForgetsAnswers)),
    Mutant(name="command ids are kept in memory", guarantee="G11", found_as=("G11",), variant=Variant(store=KeysInMemory)),
    Mutant(name="command ids are kept after the effect", guarantee="G11", found_as=("G11",), variant=Variant(store=KeysAfterEffects)),
    Mutant(name="a digest over JSON written again", guarantee="G12", found_as=("G12",),
           patches=((chassis.event_store, "leaf_of", leaf_of_reordered),)),
)  # fmt: skip
