"""What became of everybody: the services' own figures beside the generator's truth, the chain check, one person's story."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from raccroche.demo.callers import Caller
from raccroche.fiction import Fiction
from raccroche.verification import Verdict

COMPARED = (
    "lines", "accepted", "accepted_with_remarks", "rejected", "held", "not_kept", "detections", "withdrawn", "by_flags", "cases",
    "contacts", "bilans", "referrals", "transmissions", "recalled", "funnel", "heard_back",
)  # fmt: skip

type Figures = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The demonstration's one document, and whether everything in it is as it should be."""

    document: dict[str, object]
    differences: tuple[str, ...]


async def figures_of(observers: Mapping[str, Caller]) -> dict[str, Figures]:
    """The services' figures by their names, and intake's funnel as `funnel`."""
    figures = {name: await caller.get("/figures") for name, caller in observers.items()}
    return {**figures, "funnel": await observers["intake"].get("/rules/siei/1/funnel")}


def found(figures: Mapping[str, Figures]) -> dict[str, object]:
    """The figures of the five services under the report's names. `accepted` counts lines with and without remarks."""
    intake, followup, offers, transmission = (figures[name] for name in ("intake", "followup", "offers", "transmission"))
    return {
        "lines": intake["lines"],
        "accepted": _number(intake["accepted"]) + _number(intake["accepted_with_remarks"]),
        "accepted_with_remarks": intake["accepted_with_remarks"],
        "rejected": intake["rejected"],
        "held": intake["held"],
        "not_kept": intake["not_kept"],
        "detections": intake["detections"],
        "withdrawn": intake["withdrawn"],
        "by_flags": intake["by_flags"],
        "cases": followup["cases"],
        "contacts": followup["contacts"],
        "bilans": followup["bilans"],
        "referrals": offers["referrals"],
        "transmissions": transmission["by_recipient"],
        "recalled": transmission["recalled"],
        "funnel": _funnel(figures["funnel"], followup),
        "heard_back": transmission["returns"],
        "seats_ok": offers["seats_ok"],
    }


def _funnel(listed: Figures, followup: Figures) -> dict[str, int]:
    """Intake knows who was listed and is enrolled, followup what its advisers learned of the rest. Whoever was not called yet counts."""
    places, cases = _numbers(listed["places"]), _numbers(followup["funnel"])
    return {
        "listed": _number(listed["listed"]),
        "already_enrolled": places["enrolled"],
        "not_concerned": sum(places[place] for place in ("set_aside", "not_of_age", "diploma_held", "enrolled_too_briefly")),
        "already_followed": cases["already_followed"],
        "unreachable": cases["unreachable"],
        "dropouts": cases["reached"] + cases["to_contact"],
    }


def truth_of(fiction: Fiction) -> dict[str, object]:
    """The generator's counts under the report's names."""
    truth = fiction.truth
    totals, work = truth.totals, truth.work
    return {
        "lines": totals.lines,
        "accepted": totals.accepted + totals.accepted_with_remarks,
        "accepted_with_remarks": totals.accepted_with_remarks,
        "rejected": totals.rejected,
        "held": totals.held,
        "not_kept": totals.not_kept,
        "detections": truth.detections,
        "withdrawn": truth.withdrawn,
        "by_flags": dict(truth.by_flags),
        "cases": truth.cases,
        "contacts": work.contacts,
        "bilans": work.bilans,
        "referrals": {
            "made": work.referrals_made,
            "pending": 0,
            "accepted": work.referrals_accepted,
            "declined": work.referrals_declined,
            "expired": 0,
            "cancelled": work.referrals_cancelled,
        },
        "transmissions": dict(truth.per_recipient),
        "recalled": truth.recalled,
        "funnel": asdict(truth.funnel),
        "heard_back": asdict(truth.heard_back),
    }


def differences(result: Mapping[str, object], truth: Mapping[str, object]) -> list[str]:
    """Every compared figure that is not the truth, in words."""
    return [f"{name}: {result[name]}, the truth is {truth[name]}" for name in COMPARED if result[name] != truth[name]]


def outcome(result: dict[str, object], fiction: Fiction, verdicts: Sequence[Verdict], parked: Mapping[str, int], conflicts: int) -> Outcome:
    """Compare and judge."""
    truth = truth_of(fiction)
    wrong = differences(result, truth)
    wrong += [str(fault) for verdict in verdicts for fault in verdict.faults]
    wrong += [f"{count} records are parked in {service}" for service, count in parked.items() if count]
    wrong += ["a seat was held twice"] if result["seats_ok"] is not True else []
    wrong += [f"history heard {conflicts} conflicting records"] if conflicts else []
    document = {
        **result, "truth": truth, "parked": sum(parked.values()),
        "chain_verified": {verdict.source: verdict.verified for verdict in verdicts},
        "history_conflicts": conflicts, "differences": wrong,
    }  # fmt: skip
    return Outcome(document=document, differences=tuple(wrong))


def _numbers(value: object) -> dict[str, int]:
    return {str(name): _number(count) for name, count in value.items()} if isinstance(value, Mapping) else {}


def _number(value: object) -> int:
    return int(str(value))
