"""A service's life: open what it needs, build it, hear, say and answer until told to stop; and tell honestly how it fares."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import asyncpg
from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig
from faststream.kafka import KafkaBroker
from opentelemetry import trace

from chassis import garbage, logs, telemetry
from chassis.callers import TokenVerifier, unguarded_routes
from chassis.clock import Clock, OffsetClock, WallClock
from chassis.consumer import Consumer
from chassis.event_store import Connection, EventStore
from chassis.failpoints import arm
from chassis.gate import Gate
from chassis.health import Health, health_routes
from chassis.keyring import Keyring, master_keys_from
from chassis.pools import open_pool
from chassis.problems import install
from chassis.relay import Relay
from chassis.server import Server
from chassis.settings import Settings, settings_from
from chassis.subscription import Subscription
from chassis.timers import Timer, keep_firing
from chassis.topics import identity_of
from chassis.watchdog import Watchdog
from contracts.catalogue import topic_of

OPENING_ATTEMPTS = 30
OUR_OWN_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""The framework's would tell of paths and values; chassis.gate makes the span."""

__all__ = ["Basics", "Build", "Parts", "Settings", "open_basics", "run", "settings_from"]

log = logs.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Basics:
    """What the chassis opened for a service: given to its `build`."""

    clock: Clock
    app: asyncpg.Pool
    consumer: asyncpg.Pool
    store: EventStore
    wake: Callable[[], None]
    keyring: Keyring | None
    settings: Settings


async def _nothing_pending(_: Connection) -> int:
    return 0


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a service is made of.

    ring: what due timers ask. workers: endless coroutines; one that ends or raises ends the process. pending: the
    service's own work that is not finished yet, shown by /lag.
    """

    subscription: Subscription
    routers: tuple[APIRouter, ...] = ()
    ring: Callable[[Connection, Sequence[Timer]], Awaitable[None]] | None = None
    workers: tuple[Callable[[], Coroutine[None, None, None]], ...] = ()
    pending: Callable[[Connection], Awaitable[int]] = field(default=_nothing_pending)


type Build = Callable[[Basics], Parts]


def run(name: str, settings: Settings, build: Build, *, speaks: bool = True) -> None:
    """Live until SIGTERM or SIGINT.

    Raises:
        SystemExit: 1 when something that must go on ended; whoever supervises starts the process again.
    """
    arm(settings.failpoint)
    logs.configure(name, settings.log_level)
    telemetry.configure(name, settings.spans_file, settings.otlp_endpoint)
    try:
        asyncio.run(_live(name, settings, build, speaks))
    except Exception as trouble:  # noqa: BLE001 -- the last line of defence: say what it was, then let the supervisor begin again
        log.error("the service stops", reason=logs.spoken(trouble))
        raise SystemExit(1) from None
    finally:
        telemetry.flush()


async def _live(name: str, settings: Settings, build: Build, speaks: bool) -> None:  # noqa: FBT001 -- run() passes its keyword on
    stopping = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stopping.set)
    async with AsyncExitStack() as opened:
        relay = Relay(dsn=settings.relay_dsn, topic=topic_of(name), bootstrap=settings.bootstrap, refill=settings.refill)
        basics = await open_basics(name, settings, relay.wake.set, opened)
        parts = build(basics)
        speakers = {*parts.subscription.speakers, *([name] if speaks else [])}
        relay.broker = await _patiently("the broker", lambda: identity_of(settings.bootstrap, map(topic_of, speakers)))
        consumer = Consumer(
            subscription=parts.subscription, pool=basics.consumer, broker_identity=relay.broker, clock=basics.clock,
            refill=settings.refill, committed=relay.wake.set, ask=lambda: identity_of(settings.bootstrap, relay.broker.topic_ids),
        )  # fmt: skip
        await consumer.reconcile()
        health = Health(basics.app, consumer, relay if speaks else None, parts.pending, basics.clock)
        server = Server(_web(name, settings, parts, health), settings.http_host, settings.http_port)
        endless = [worker() for worker in parts.workers]
        if speaks:
            endless.append(relay.run())
        if parts.ring is not None:
            endless.append(keep_firing(basics.consumer, basics.clock, parts.ring, relay.wake.set))
        watchdog = Watchdog(
            dsn=settings.consumer_dsn, bootstrap=settings.bootstrap, consumer=parts.subscription.consumer, known=relay.broker,
            topics=consumer.topics, assigned=consumer.places,
        )  # fmt: skip
        endless.append(_hear(settings, consumer, watchdog))
        garbage.look_seldom()
        log.info("the service is up", port=settings.http_port)
        await _until(stopping, server, endless)
    log.info("the service has stopped")


async def open_basics(name: str, settings: Settings, wake: Callable[[], None], opened: AsyncExitStack) -> Basics:
    """What a service's `build` is given; closed with `opened`."""
    clock: Clock = OffsetClock(settings.clock_offset_file) if settings.clock_offset_file else WallClock()
    keyring = None
    if settings.keyring_dsn and settings.keyring_master_keys_file:
        keys = master_keys_from(settings.keyring_master_keys_file.read_text())
        keyring = Keyring(await _pool(settings.keyring_dsn, opened), keys)
    return Basics(
        clock=clock,
        app=await _pool(settings.app_dsn, opened),
        consumer=await _pool(settings.consumer_dsn, opened),
        store=EventStore(source=f"/raccroche/{name}", clock=clock),
        wake=wake,
        keyring=keyring,
        settings=settings,
    )


async def _pool(dsn: str, opened: AsyncExitStack) -> asyncpg.Pool:
    pool = await _patiently("the database", lambda: open_pool(dsn))
    opened.callback(pool.terminate)
    return pool


async def _patiently[T](what: str, ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again until it answers, for a minute; then let the trouble out, whoever supervises begins again."""
    for attempt in range(1, OPENING_ATTEMPTS + 1):
        try:
            return await ask()
        except Exception as trouble:
            if attempt == OPENING_ATTEMPTS:
                raise
            log.warning("waiting for " + what, reason=logs.spoken(trouble), attempt=attempt)
            await asyncio.sleep(min(0.1 * 2**attempt, 2.0))
    raise AssertionError("unreachable")


def _web(name: str, settings: Settings, parts: Parts, health: Health) -> FastAPI:
    app = FastAPI(title=f"Raccroche {name}", docs_url=None, redoc_url=None, openapi_url=None, telemetry=OUR_OWN_TELEMETRY)
    app.state.verifier = TokenVerifier(
        settings.tokens_jwks_file.read_text(), issuer=settings.tokens_issuer, audience=settings.tokens_audience
    )
    install(app)
    for router in (health_routes(health), *parts.routers):
        app.include_router(router)
    if unguarded := unguarded_routes(app):
        raise RuntimeError(f"routes without a caller: {', '.join(unguarded)}")
    app.add_middleware(Gate, tracer=trace.get_tracer(__name__), unseen=frozenset({"/health", "/ready", "/lag"}))
    return app


async def _hear(settings: Settings, consumer: Consumer, watchdog: Watchdog) -> None:
    """Hear until cancelled, then finish the batch in hand. Beside answering, not before it: a group may take ten seconds to let us in."""
    broker = KafkaBroker(settings.bootstrap.split(","), allow_auto_create_topics=False, graceful_timeout=15.0, logger=None)
    consumer.subscribe(broker)
    try:
        await _patiently("the broker", broker.start)
        watchdog.start()
        await asyncio.Event().wait()
    finally:
        watchdog.stop()
        await broker.stop()


async def _until(stopping: asyncio.Event, server: Server, endless: Sequence[Coroutine[None, None, None]]) -> None:
    """Serve until told to stop; if anything that must not end does, raise what ended it."""
    stop = asyncio.create_task(stopping.wait())
    serving = asyncio.create_task(server.serve())
    tasks = [asyncio.create_task(one) for one in endless]
    try:
        done, _ = await asyncio.wait([stop, serving, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stop}:
            await task
            raise RuntimeError("something that must go on has ended")
    finally:
        server.should_exit = True
        await asyncio.wait([serving], timeout=10)
        for task in (stop, *tasks):
            task.cancel()
        await asyncio.gather(stop, *tasks, return_exceptions=True)
