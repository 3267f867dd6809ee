"""The counts that the system must reach, added up from the labels; no file is read and no rule is run here."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from raccroche.fiction.lines import ExpectedLine
from raccroche.fiction.people import Person
from raccroche.fiction.schooling import goes_on_elsewhere, uai_of
from raccroche.fiction.territory import owed
from raccroche.fiction.vocabulary import LEAVERS, Verdict


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """`accepted` does not include `accepted_with_remarks`; the five add up to `lines`."""

    lines: int
    accepted: int
    accepted_with_remarks: int
    rejected: int
    held: int
    not_kept: int


@dataclass(frozen=True, kw_only=True)
class Work:
    """What advisers and platforms will have done, by the plans; `cancelled` are those pending or accepted when March withdraws."""

    contacts: int
    bilans: int
    referrals_made: int
    referrals_accepted: int
    referrals_declined: int
    referrals_cancelled: int
    closed: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """Of everybody whom a leavers' list says to have left, as the SIEI counts (DOMAIN 3.3); the other five add up to `listed`."""

    listed: int
    already_enrolled: int
    not_concerned: int
    already_followed: int
    unreachable: int
    dropouts: int


@dataclass(frozen=True, kw_only=True)
class HeardBack:
    """The establishments that somebody detected left, and on how many of their lines they learn what became of it."""

    establishments: int
    lines: int


@dataclass(frozen=True, kw_only=True)
class Truth:
    """`detections`, `by_flags` and `cases` count all that were ever made, withdrawn or not, and so does `per_recipient`.

    `recalled` are the transmissions of withdrawn detections. In `work`, `referrals_accepted` are those that stay accepted.
    """

    totals: Verdicts
    per_list: Mapping[str, Verdicts]
    detections: int
    withdrawn: int
    by_flags: Mapping[str, int]
    cases: int
    per_recipient: Mapping[str, int]
    recalled: int
    work: Work
    funnel: Funnel
    heard_back: HeardBack
    boundaries: Mapping[str, Mapping[str, int]]


def truth_of(people: Sequence[Person], per_list: Mapping[str, Sequence[ExpectedLine]]) -> Truth:
    """`per_list` is keyed by list id."""
    detected = [one for one in people if one.label.detected]
    withdrawn = [one for one in detected if one.label.withdrawn]
    flags = Counter(one.label.flags.name for one in detected)
    return Truth(
        totals=_verdicts(line for lines in per_list.values() for line in lines),
        per_list={list_id: _verdicts(lines) for list_id, lines in per_list.items()},
        detections=len(detected), withdrawn=len(withdrawn),
        by_flags={name: flags[name] for name in ("l313_7_only", "obligation_only", "both")}, cases=len(detected),
        per_recipient=dict(sorted(_transmissions(detected).items())), recalled=_transmissions(withdrawn).total(),
        work=_work(detected), funnel=_funnel(people), heard_back=_heard_back(detected), boundaries=_boundaries(people),
    )  # fmt: skip


def _verdicts(lines: Iterable[ExpectedLine]) -> Verdicts:
    count = Counter(line.verdict for line in lines)
    return Verdicts(
        lines=count.total(), accepted=count[Verdict.ACCEPTED], accepted_with_remarks=count[Verdict.REMARKS],
        rejected=count[Verdict.REJECTED], held=count[Verdict.HELD], not_kept=count[Verdict.NOT_KEPT],
    )  # fmt: skip


def _transmissions(people: Iterable[Person]) -> Counter[str]:
    return Counter(recipient for one in people for recipient in owed(one.label.departement, one.label.flags))


def _work(detected: Sequence[Person]) -> Work:
    plans = [(one.plan, one.label.withdrawn) for one in detected if one.plan]
    referred = [(plan.accepted, withdrawn) for plan, withdrawn in plans if plan.offer_id]
    closed: Counter[str] = Counter(plan.closing for plan, _ in plans if plan.closing)
    closed["dropout_withdrawn"] = sum(withdrawn for _, withdrawn in plans)
    return Work(
        contacts=sum(len(plan.attempts) for plan, _ in plans), bilans=sum(plan.bilan is not None for plan, _ in plans),
        referrals_made=len(referred), referrals_accepted=referred.count((True, False)),
        referrals_declined=sum(not accepted for accepted, _ in referred), referrals_cancelled=referred.count((True, True)),
        closed=dict(sorted(closed.items())),
    )  # fmt: skip


def _funnel(people: Iterable[Person]) -> Funnel:
    count = Counter(_place(one) for one in people if _listed(one))
    return Funnel(
        listed=count.total(), already_enrolled=count["already_enrolled"], not_concerned=count["not_concerned"],
        already_followed=count["already_followed"], unreachable=count["unreachable"], dropouts=count["dropouts"],
    )  # fmt: skip


def _heard_back(detected: Sequence[Person]) -> HeardBack:
    return HeardBack(establishments=len({uai_of(one.biography.where) for one in detected}), lines=len(detected))


def _listed(one: Person) -> bool:
    return one.biography.exit is not None and one.biography.where in LEAVERS and one.label.verdict in {Verdict.ACCEPTED, Verdict.REMARKS}


def _place(one: Person) -> str:
    if goes_on_elsewhere(one.case.elsewhere):
        return "already_enrolled"
    if one.plan is None:
        return "not_concerned"
    if one.plan.closing == "already_followed":
        return "already_followed"
    return "dropouts" if any(attempt.outcome == "reached" for attempt in one.plan.attempts) else "unreachable"


def _boundaries(people: Iterable[Person]) -> dict[str, dict[str, int]]:
    sides: dict[str, dict[str, int]] = {}
    for one in people:
        if one.case.boundary and one.case.side:
            counts = sides.setdefault(one.case.boundary, {})
            counts[one.case.side] = counts.get(one.case.side, 0) + 1
    return {boundary: dict(sorted(sides[boundary].items())) for boundary in sorted(sides)}
