"""Every scenario, in the order of the guarantees in whose name it strikes."""

from faults.scenario import Scenario
from faults.scenarios import broker, commands, commits, database, deaths, members, network, poison, replay, stalling, tampering

ROOMS = (deaths, database, commands, commits, broker, network, members, stalling, poison, replay, tampering)

SCENARIOS: tuple[Scenario, ...] = tuple(
    sorted((one for room in ROOMS for one in room.SCENARIOS), key=lambda one: int(one.guarantee.removeprefix("G")))
)
