"""A campaign is opened once, with what was matched, and closed once, when every leaver is decided upon."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from chassis.decider import Decider, Refused
from contracts.intake import CampaignClosed, CampaignEvent, CampaignOpened


@dataclass(frozen=True, kw_only=True)
class OpenCampaign:
    """The match is done; this is what it found."""

    fact: CampaignOpened


@dataclass(frozen=True, kw_only=True)
class CloseCampaign:
    """Every leaver is decided upon."""

    fact: CampaignClosed


type CampaignCommand = OpenCampaign | CloseCampaign
type CampaignState = Literal["unknown", "open", "closed"]


def evolve(state: CampaignState, event: CampaignEvent) -> CampaignState:  # noqa: ARG001 -- a fold's signature
    match event:
        case CampaignOpened():
            return "open"
        case CampaignClosed():
            return "closed"


def decide(state: CampaignState, command: CampaignCommand) -> Sequence[CampaignEvent]:
    match command:
        case OpenCampaign(fact=fact):
            return [fact] if state == "unknown" else []
        case CloseCampaign(fact=fact):
            if state == "unknown":
                raise Refused("a campaign is opened before it is closed")
            return [fact] if state == "open" else []


def streams(command: CampaignCommand) -> tuple[str, ...]:
    return (command.fact.stream,)


CAMPAIGN: Decider[CampaignCommand, CampaignState, CampaignEvent] = Decider(initial="unknown", evolve=evolve, decide=decide, streams=streams)
