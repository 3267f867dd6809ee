"""How a service's package is started: without arguments it lives as the service, with the name of a job it does that and ends.

The jobs belong to the service's own image: they read the same environment and run the very code that hears and shows.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TextIO

import orjson

from chassis import jobs, logs, telemetry
from chassis.answers import Answer
from chassis.consumer import StrangeTopic
from chassis.failpoints import arm
from chassis.jobs import At, BadRequest, OwnJob
from chassis.ledger import MarkElsewhere
from chassis.reading import BeginningGone, NothingComes
from chassis.rebuild import AlreadyRunning, DecidedMeanwhile, NotInTime
from chassis.republish import StillSpeaking
from chassis.service import Build, open_basics, run
from chassis.settings import BadSettings, Settings, check_files, settings_from
from chassis.topics import TopicMissing

DONE, CHECK_FAILED, BAD = 0, 1, 2

CLEAR = (
    BadRequest, BadSettings, StrangeTopic, MarkElsewhere, AlreadyRunning, DecidedMeanwhile, NotInTime, NothingComes, BeginningGone,
    StillSpeaking,
)  # fmt: skip
"""Exceptions whose own words are the answer."""


def start(
    name: str, argv: Sequence[str], environ: Mapping[str, str], build: Build, *, speaks: bool = True, own: Sequence[OwnJob] = ()
) -> None:
    """Live as the service `name`, or do one job: one that every service has, or one of its `own`.

    Raises:
        SystemExit: a job's status: 0 done, 1 a check failed, 2 bad usage or input, or it could not be done; the service's 2: bad settings.
    """
    if not argv:
        try:
            settings = _settings(environ)
        except BadSettings as bad:
            raise SystemExit(_said(f"{name}: {bad}")) from None
        run(name, settings, build, speaks=speaks)
        return
    options = _parser(name, own).parse_args(argv)
    logs.configure(name, "warning", sys.stderr)
    try:
        answer = asyncio.run(_done(name, options, environ, build, speaks=speaks))
    except CLEAR as clear:
        raise SystemExit(_said(f"{name}: {clear}")) from None
    except TopicMissing as missing:
        raise SystemExit(_said(f"{name}: the broker has no topic {missing}; make the topics first")) from None
    except Exception as trouble:  # noqa: BLE001 -- whatever it was, a person is told in one line, and no value from outside is in it
        raise SystemExit(_said(f"{name}: it could not be done: {logs.spoken(trouble)}")) from None
    finally:
        telemetry.flush()
    _show(answer, sys.stdout, as_json=options.json)
    raise SystemExit(DONE if answer.good else CHECK_FAILED)


def _settings(environ: Mapping[str, str]) -> Settings:
    settings = settings_from(environ)
    check_files(settings)
    return settings


def _said(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return BAD


def _show(answer: Answer, to: TextIO, *, as_json: bool) -> None:
    if as_json:
        print(orjson.dumps(answer.document).decode(), file=to)
    else:
        for line in answer.lines:
            print(line, file=to)


async def _done(name: str, options: argparse.Namespace, environ: Mapping[str, str], build: Build, *, speaks: bool) -> Answer:
    settings = _settings(environ)
    arm(settings.failpoint)
    telemetry.configure(name, None, settings.otlp_endpoint)  # the service itself writes the file of spans
    async with AsyncExitStack() as opened:
        basics = await open_basics(name, settings, lambda: None, opened)
        at = At(name=name, settings=settings, basics=basics, subscription=build(basics).subscription, speaks=speaks)
        job: jobs.Job = options.job
        return await job(at, options)


class _Rows:
    """The numbers that a row can have."""

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and 0 < number < 2**63

    def __iter__(self) -> Iterator[str]:
        return iter(["a number of the list that `parked` shows"])


def _parser(name: str, own: Sequence[OwnJob]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=f"Without arguments: the service {name}. Else one of its jobs.")
    asked = parser.add_subparsers(required=True, metavar="JOB")

    def job(title: str, carry_out: jobs.Job, about: str) -> argparse.ArgumentParser:
        one = asked.add_parser(title, help=about, description=about)
        one.add_argument("--json", action="store_true", help="one JSON document on standard output")
        one.set_defaults(job=carry_out)
        return one

    rebuild = job("rebuild", jobs.rebuild, "make a projection again from its events, compare, switch when equal")
    rebuild.add_argument("projection")
    rebuild.add_argument("--person", metavar="SUBJECT", help="only the rows of one subject, in memory")
    rebuild.add_argument("--plan", action="store_true", help="say what it would do, and do nothing")
    rebuild.add_argument("--accept", action="store_true", help="switch although they differ: you have read the differences")
    rebuild.add_argument("--anew", action="store_true", help="forget what a rebuild that was killed had heard")
    republish = job("republish", jobs.republish, "say everything again on a topic that was lost or made anew")
    republish.add_argument("--cluster", metavar="ID", help="the cluster that answers, as a sign that it is the right one")
    republish.add_argument("--plan", action="store_true", help="say what is known and what is here, and do nothing")
    parked = job("parked", jobs.parked, "list the records that are set aside")
    parked.add_argument("--subject")
    parked.add_argument("--all", action="store_true", help="those that were resolved too")
    redrive = job("redrive", jobs.redrive, "have the effect of what is set aside, by the present code, in order")
    redrive.add_argument("--subject")
    redrive.add_argument("--dry-run", action="store_true", help="do all of it and undo it")
    discard = job("discard", jobs.discard, "set one record aside for good")
    discard.add_argument("id", type=int, choices=_Rows(), metavar="ID")
    discard.add_argument("--because", required=True, metavar="WHY")
    for one in own:
        one.arguments(job(one.title, one.carry_out, one.about))
    return parser
