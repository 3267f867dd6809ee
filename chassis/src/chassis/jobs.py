"""What ops asks of a service's own code: rebuild, republish, parked, redrive, discard; each ends with an answer to be shown."""

import argparse
import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from chassis import answers
from chassis import parked as setting_aside
from chassis.answers import Answer
from chassis.beside import beside, pool_of
from chassis.consumer import Consumer
from chassis.ledger import Place
from chassis.one_subject import OneSubject
from chassis.planning import plan
from chassis.progress import Progress
from chassis.projection import Projection
from chassis.rebuild import Rebuild
from chassis.redrive import Redrive, Redriven
from chassis.republish import Strangeness, say_again, strangeness
from chassis.service import Basics
from chassis.settings import Settings
from chassis.subscription import Subscription
from chassis.topics import BrokerIdentity, identity_of, partitions_of
from chassis.trouble import INFRASTRUCTURE
from contracts.catalogue import topic_of

ATTEMPTS = 5


class BadRequest(Exception):
    """What was asked for cannot be; says what can."""


@dataclass(frozen=True, kw_only=True)
class At:
    """The service that is asked."""

    name: str
    settings: Settings
    basics: Basics
    subscription: Subscription
    speaks: bool

    @property
    def own_topic(self) -> str | None:
        return topic_of(self.name) if self.speaks else None

    async def broker(self) -> tuple[BrokerIdentity, list[Place]]:
        """Who answers, and every partition of what this service hears.

        Raises:
            chassis.topics.TopicMissing, confluent_kafka.KafkaException: see there.
        """
        heard = [topic_of(speaker) for speaker in self.subscription.speakers]
        said = [self.own_topic] if self.own_topic else []
        bootstrap = self.settings.bootstrap
        return await identity_of(bootstrap, [*heard, *said]), await partitions_of(bootstrap, heard)

    def projection(self, table: str) -> Projection[Any]:
        """The projection of that name.

        Raises:
            BadRequest: there is none.
        """
        names = [one.table for one in self.subscription.projections]
        if not names:
            raise BadRequest("it has no projection: what a witness keeps is compared with the stores by `raccroche history verify`")
        if table not in names:
            raise BadRequest(f"there is no projection {table}, but {', '.join(names)}")
        return self.subscription.projections[names.index(table)]


type Job = Callable[[At, argparse.Namespace], Awaitable[Answer]]


@dataclass(frozen=True, kw_only=True)
class OwnJob:
    """A job that only one service has. arguments: adds its options to its parser."""

    title: str
    about: str
    carry_out: Job
    arguments: Callable[[argparse.ArgumentParser], None]


async def rebuild(at: At, options: argparse.Namespace) -> Answer:
    """A plan, the rows of one subject, or the whole projection."""
    projection = at.projection(options.projection)
    async with _own_pool(at) as pool:
        if options.plan:
            apart = beside(at.subscription, projection, table=projection.table)
            return answers.planned(projection.table, await plan(pool, at.subscription, projection, apart))
        return await _rebuild(at, projection, pool, options)


async def _rebuild(at: At, projection: Projection[Any], pool: asyncpg.Pool, options: argparse.Namespace) -> Answer:
    broker, places = await at.broker()
    progress, clock, bootstrap = Progress(what="records"), at.basics.clock, at.settings.bootstrap
    if options.person is None:
        whole = Rebuild(
            live=at.subscription, projection=projection, pool=pool, bootstrap=bootstrap, broker=broker, places=places, clock=clock,
            progress=progress,
        )  # fmt: skip
        gc.disable()  # a batch is many small objects and no cycle: to look for one costs a third of the time
        return answers.rebuilt(projection.table, await whole.run(anew=options.anew, accept=options.accept))
    one = OneSubject(
        live=at.subscription, projection=projection, pool=pool, bootstrap=bootstrap, broker=broker, places=places, clock=clock,
        progress=progress,
    )  # fmt: skip
    found = await one.check(options.person, accept=options.accept)
    if not found.records:
        raise BadRequest(f"no record of {projection.table} is about {options.person}")
    return answers.checked(projection.table, options.person, found)


@asynccontextmanager
async def _own_pool(at: At) -> AsyncIterator[asyncpg.Pool]:
    pool = await pool_of(at.settings.consumer_dsn)
    try:
        yield pool
    finally:
        pool.terminate()


async def republish(at: At, options: argparse.Namespace) -> Answer:
    """What is strange; with the cluster named, everything is said again there and heard from its beginning."""
    broker, _ = await at.broker()
    async with at.basics.consumer.acquire() as connection:
        found = await strangeness(connection, at.own_topic, at.subscription.consumer, broker)
    if found.nothing or options.plan:
        return answers.strange(broker.cluster_id, found)
    if options.cluster != broker.cluster_id:
        raise BadRequest(
            f"the cluster that answers is {broker.cluster_id}, and it does not hold what was said and heard so far; if everything is to be "
            f"said and heard again there, type --cluster {broker.cluster_id}"
        )
    return await _say_and_hear_again(at, found, broker)


async def _say_and_hear_again(at: At, found: Strangeness, broker: BrokerIdentity) -> Answer:
    said = 0
    if found.said is not None and not found.said.here:
        said = await say_again(
            at.settings.relay_dsn, found.said.topic, at.settings.bootstrap, broker, Progress(what="records"), found.events
        )
    consumer = Consumer(
        subscription=at.subscription, pool=at.basics.consumer, broker_identity=broker, clock=at.basics.clock, refill=True,
        committed=lambda: None,
    )  # fmt: skip
    await consumer.reconcile()
    anew = [known.topic for known in found.heard if not known.here]
    lines = [f"{said:,} records were said again", f"heard from the beginning: {', '.join(anew) or 'nothing'}"]
    return Answer(document={"cluster": broker.cluster_id, "said": said, "heard_anew": anew}, lines=lines)


async def parked(at: At, options: argparse.Namespace) -> Answer:
    """What is set aside, without a body."""
    async with at.basics.consumer.acquire() as connection:
        found = await setting_aside.parked(connection, at.subscription.consumer, subject=options.subject, resolved_too=options.all)
    return answers.listed(found)


async def redrive(at: At, options: argparse.Namespace) -> Answer:
    """One subject, or all."""
    broker, places = await at.broker()
    redriving = Redrive(subscription=at.subscription, pool=at.basics.consumer, broker=broker, places=places, clock=at.basics.clock)
    subjects = await redriving.subjects() if options.subject is None else [options.subject]
    progress = Progress(what="subjects")
    found = []
    for done, subject in enumerate(subjects, start=1):
        found.append(await _patiently(redriving, subject, dry_run=options.dry_run))
        progress(done, len(subjects))
    return answers.redriven([one for one in found if one.resolved or one.stays], dry_run=options.dry_run)


async def _patiently(redriving: Redrive, subject: str, *, dry_run: bool) -> Redriven:
    """Whoever wrote first, or a database that was away for a moment, is no reason to stay."""
    for attempt in range(ATTEMPTS):
        try:
            return await redriving.of(subject, dry_run=dry_run)
        except INFRASTRUCTURE:
            if attempt == ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.1 * 2**attempt)
    raise AssertionError("unreachable")


async def discard(at: At, options: argparse.Namespace) -> Answer:
    """Set one record aside for good, with the reason."""
    because = options.because.strip()
    if not because:
        raise BadRequest("say why: --because")
    async with at.basics.consumer.acquire() as connection:
        done = await setting_aside.discard(connection, at.subscription.consumer, options.id, because=because, now=at.basics.clock.now())
    if not done:
        raise BadRequest(f"no record {options.id} waits for a decision")
    return Answer(
        document={"discarded": options.id, "because": because}, lines=[f"{options.id} is discarded; those behind it can be redriven"]
    )
