"""A campaign of the fiction on a real intake: for its tests, its killed runs and the benchmark."""

from pathlib import Path

from intake_house import House

from chassis.handler import Handler
from intake.campaign.running import Campaign, Limits, Told
from intake.campaign.snapshots import Kind, Snapshot
from intake.domain.campaign import CAMPAIGN
from intake.domain.detection import SIEI_V1
from raccroche.fiction.campaign import REFERENCE, Files

KINDS: tuple[Kind, ...] = ("previous", "current", "diplomas", "followed")


def quiet(_: int, __: int) -> None:
    """Progress that nobody watches."""


def campaign_of(house: House, files: Files, work: Path, *, at_once: int = 2000, told: Told = quiet) -> Campaign:
    return Campaign(
        snapshots={kind: Snapshot(kind=kind, path=getattr(files, kind)) for kind in KINDS},
        reference=REFERENCE,
        sender="ministere",
        rule=SIEI_V1,
        desk=house.desk,
        pool=house.pool,
        handler=Handler(decider=CAMPAIGN, store=house.desk.person_handler.store, pool=house.pool),
        limits=Limits(folder=work),
        told=told,
        at_once=at_once,
    )
