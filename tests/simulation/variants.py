"""What a run may vary: how often each fault strikes, what a mutant changes of the fakes; and what is written down of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis.decider import Outcome
from simulation.memory import Memory
from simulation.ports import MemoryLedger, MemoryOutbox, MemoryStore

OFFERS = tuple(f"specimen--{n}" for n in range(4))
BAD_OFFER, BAD_FROM = "specimen--3", 3
"""A handler has a bug: it raises on the third event of this offer."""


class AnswerLost(Exception):
    """The client heard nothing: the command may have happened."""


class NeverQuiet(Exception):
    """With all faults over, the house does not come to rest."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How likely each fault is, per statement or message, while the storm lasts."""

    killed: float = 0.004
    disconnected: float = 0.01
    commit_lost: float = 0.02
    answer_lost: float = 0.05
    refused: float = 0.02
    ack_lost: float = 0.02
    slow: float = 0.04
    mute: float = 0.001
    stuck: float = 0.001
    behind: float = 0.02


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What a mutant changes of the fakes; the core itself is changed by mutants.py. All as it should be by default."""

    unique: bool = True
    acks: str = "all"
    in_flight: int = 1
    key_of_event: bool = False
    late_commit: bool = False
    relays_hold_lock: bool = True
    outbox: Callable[..., Any] = MemoryOutbox
    ledger: Callable[[str], Any] = MemoryLedger
    store: Callable[..., Any] = MemoryStore
    memory: Callable[[], Memory] = Memory
    in_sync_is_enough: bool = False
    acknowledged_first: bool = False
    client_decodes: bool = False
    in_rows: Callable[[Any], str] = lambda _: ""


@dataclass(frozen=True, kw_only=True)
class Counted:
    offer_id: str
    times: int
    last: int
    seen_at: str = ""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One command as its client lived it. outcome: none where the client never learnt it."""

    command_id: UUID
    offer_id: str
    began: float
    ended: float
    outcome: Outcome | None
