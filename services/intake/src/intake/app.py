"""The composition root of intake: the only file that sees everything."""

import asyncio
import base64
from pathlib import Path

from chassis.handler import Handler
from chassis.service import Basics, Parts
from chassis.settings import BadSettings, Settings
from chassis.subscription import Subscription
from contracts.intake import ListEvent, PersonEvent, SourceEvent
from intake import holding
from intake import sources as expectations
from intake.api import routes
from intake.batch import ACTOR, Desk
from intake.cadences import cadence_routes
from intake.campaign_lines import CampaignLines, campaign_line_routes
from intake.deadlines import Ringing
from intake.deciding import LineDecisions
from intake.detections import DetectionDesk, detection_routes
from intake.domain.commands import PersonCommand
from intake.domain.consultation import CONSULTATIONS, Consultation, Consulted
from intake.domain.detection import SIEI_V1
from intake.domain.held_line import HELD_LINES, DecideHeldLine, HeldLines
from intake.domain.list import LIST, SentList
from intake.domain.list_commands import ListCommand
from intake.domain.person import PERSON, Person
from intake.domain.source import SOURCE, Expectation, SourceCommand
from intake.doubted import DoubtDesk, doubted_routes
from intake.erasing import Erasing, erasing_routes
from intake.figures import figure_routes
from intake.held import Decisions, held_routes
from intake.held_lines import HeldLineDesk, held_line_routes
from intake.identity import Digests
from intake.lists import pending
from intake.projections.dropouts import DROPOUTS
from intake.projections.identity_candidates import IDENTITY_CANDIDATES
from intake.projections.list_totals import LIST_TOTALS
from intake.projections.risks import RISKS
from intake.projections.sources import SOURCES
from intake.reader import Reader
from intake.receiving import Reception
from intake.reference.establishments import Directory, DirectoryRefused, directory_at, packaged
from intake.reporting import Reporting
from intake.reports import report_routes
from intake.reprocess import reprocess_routes
from intake.reprocessing import Reprocessing
from intake.reviewing import ReviewDesk, review_routes
from intake.revisiting import Revisiting
from intake.risks import risk_routes

KEY_BYTES = 32


class KeysMissing(RuntimeError):
    """Intake makes persons and seals what is known of them: it cannot work without its keys."""


def build(basics: Basics) -> Parts:
    """Everything that intake is made of.

    Raises:
        KeysMissing: the settings name no keyring, or no key of identities, or one of the wrong length.
        BadSettings: see `desk_of`.
    """
    desk = desk_of(basics)
    lists, persons, sources = desk.list_handler, desk.person_handler, desk.source_handler
    arrived = asyncio.Event()
    reader = Reader(pool=basics.app, desk=desk, rule=SIEI_V1, arrived=arrived, committed=basics.wake)
    reception = Reception(pool=basics.app, handler=lists, keyring=desk.keyring, digests=desk.digests, clock=basics.clock, arrived=arrived)
    reporting = Reporting(desk=desk, rule=SIEI_V1)
    revisiting = Revisiting(pool=basics.app, store=basics.store, handler=persons)
    detections = DetectionDesk(pool=basics.app, persons=persons, revisiting=revisiting, clock=basics.clock)
    consultations = Handler[Consultation, None, Consulted](
        decider=CONSULTATIONS, store=basics.store, pool=basics.app, committed=basics.wake
    )
    held_lines = Handler[DecideHeldLine, HeldLines, ListEvent](decider=HELD_LINES, store=basics.store, pool=basics.app)
    decisions = LineDecisions(pool=basics.app, desk=desk, lines=held_lines, rule=SIEI_V1)
    review = ReviewDesk(pool=basics.app, persons=persons, consultations=consultations, keyring=desk.keyring, rule=SIEI_V1)
    return Parts(
        subscription=Subscription(
            consumer="intake", actor=ACTOR, speakers=("intake",), projections=(DROPOUTS, LIST_TOTALS, SOURCES, RISKS, IDENTITY_CANDIDATES)
        ),
        routers=(
            routes(basics.app, reception),
            figure_routes(basics.app, basics.clock),
            cadence_routes(basics.app, sources, basics.clock),
            reprocess_routes(Reprocessing(pool=basics.app, desk=desk, rule=SIEI_V1)),
            report_routes(reporting),
            risk_routes(basics.app, reporting),
            held_routes(Decisions(pool=basics.app, handler=lists, clock=basics.clock, arrived=arrived)),
            detection_routes(detections),
            doubted_routes(DoubtDesk(pool=basics.app, desk=desk, rule=SIEI_V1)),
            review_routes(review),
            erasing_routes(Erasing(pool=basics.app, persons=persons, keyring=desk.keyring)),
            held_line_routes(HeldLineDesk(review=review, decisions=decisions)),
            campaign_line_routes(CampaignLines(pool=basics.app, keyring=desk.keyring, digests=desk.digests)),
        ),
        ring=Ringing(lists=lists, sources=sources, clock=basics.clock),
        workers=(reader.run,),
        pending=pending,
    )


def desk_of(basics: Basics) -> Desk:
    """What reading a list needs.

    Raises:
        KeysMissing: see `build`.
        BadSettings: the file of establishments is none.
    """
    if basics.keyring is None or basics.settings.identity_key_file is None:
        raise KeysMissing("set KEYRING_DSN, KEYRING_MASTER_KEYS_FILE (all classes) and IDENTITY_KEY_FILE")
    digests = Digests(key=identity_key_from(basics.settings.identity_key_file))
    lists = Handler[ListCommand, SentList, ListEvent](
        decider=LIST, store=basics.store, pool=basics.app, committed=basics.wake, timers=holding.deadlines_of
    )
    persons = Handler[PersonCommand, Person, PersonEvent](decider=PERSON, store=basics.store, pool=basics.app, committed=basics.wake)
    sources = Handler[SourceCommand, Expectation, SourceEvent](
        decider=SOURCE, store=basics.store, pool=basics.app, committed=basics.wake, timers=expectations.deadlines_of
    )
    return Desk(
        keyring=basics.keyring, digests=digests, clock=basics.clock, person_handler=persons, list_handler=lists, source_handler=sources,
        directory=_directory(basics.settings),
    )  # fmt: skip


def _directory(settings: Settings) -> Directory:
    """Of establishments: the one that the settings name, else the packaged one."""
    if settings.directory_file is None:
        return packaged()
    try:
        return directory_at(settings.directory_file, complete=settings.directory_complete)
    except DirectoryRefused as refused:
        raise BadSettings(f"DIRECTORY_FILE is no directory of establishments: {refused}") from None


def identity_key_from(path: Path) -> bytes:
    """The key of the digests by which persons are recognised: base64 of 32 bytes.

    Raises:
        KeysMissing: it is something else.
    """
    try:
        key = base64.b64decode(path.read_text().strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeysMissing("IDENTITY_KEY_FILE must hold 32 bytes in base64")
    return key
