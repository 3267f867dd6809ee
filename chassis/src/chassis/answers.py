"""How the answers of ops jobs read: each once as a document, once as lines for people; no body and no name is in either."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from chassis.comparing import Comparison
from chassis.one_subject import Checked
from chassis.parked import Parked
from chassis.planning import Plan
from chassis.rebuild import Rebuilt
from chassis.redrive import Redriven
from chassis.republish import Strangeness


@dataclass(frozen=True, kw_only=True)
class Answer:
    """good: whether the check, if it was one, held."""

    document: object
    lines: Sequence[str]
    good: bool = True


def planned(name: str, found: Plan) -> Answer:
    lines = [f"{topic}: {count:,} records" for topic, count in found.records.items()]
    lines += [
        f"{name}: {found.rows:,} rows, {found.bytes / 1e6:,.1f} MB",
        f"set aside: {found.parked}; waiting for an earlier fact: {found.waiting}",
        f"about {found.seconds:.0f} s"
        + (f"; {found.heard_before:,} records were heard by a rebuild that was killed" * bool(found.heard_before)),
    ]
    return Answer(document={"projection": name, **asdict(found), "seconds": found.seconds}, lines=lines)


def rebuilt(name: str, found: Rebuilt) -> Answer:
    rate = found.records / found.seconds if found.seconds else 0.0
    lines = [
        f"{found.records:,} records heard in {found.seconds:.1f} s ({rate:,.0f}/s); the live consumer held {found.paused_seconds:.2f} s",
        *_compared(found.comparison),
        *(f"the present code fails at {_placed(one)}: {one.reason}" for one in found.failed),
        f"{name} is switched to the rebuilt table" if found.switched else f"{name} stays as it was",
    ]
    if not found.switched:
        lines.append(_advice(found))
    return Answer(document={"projection": name, **asdict(found)}, lines=lines, good=found.switched)


def _advice(found: Rebuilt) -> str:
    if found.failed:
        return "mend the code first: what was rebuilt lacks these records"
    if found.resumed:
        return "it went on from a rebuild that was killed, perhaps of other code: --anew to be sure; --accept to switch all the same"
    return "if what is rebuilt is right (the code was changed, or somebody damaged the table): --accept"


def checked(name: str, subject: str, found: Checked) -> Answer:
    lines = [f"{found.records} records of {subject}"]
    if found.comparison is not None:
        lines += _compared(found.comparison)
        if found.comparison.differ:
            lines.append("the rows are replaced" if found.replaced else "nothing is changed; --accept replaces the rows")
    if found.failed is not None:
        lines.append(f"the present code cannot have them: {found.failed}")
    good = found.comparison is not None and (found.replaced or not found.comparison.differ)
    return Answer(document={"projection": name, "subject": subject, **asdict(found)}, lines=lines, good=good)


def _compared(found: Comparison) -> list[str]:
    told = f"rows: {found.equal:,} equal, {found.different:,} different, {found.only_live:,} only live, {found.only_rebuilt:,} only rebuilt"
    return [told, *(f"  {key}: {kind}" for key, kind in found.named)]


def listed(found: Sequence[Parked]) -> Answer:
    lines = [
        f"{one.id}  {one.at:%Y-%m-%d %H:%M:%S}  {_placed(one)}  {one.type or 'unreadable'}  {one.subject}  {_why(one)}" for one in found
    ]
    return Answer(document=[asdict(one) for one in found], lines=lines or ["nothing is set aside"])


def _placed(one: Parked) -> str:
    return f"{one.topic} {one.partition} {one.offset}"


def _why(one: Parked) -> str:
    if one.because is not None:
        return f"discarded because {one.because} (was: {one.reason})"
    return f"had on {one.resolved_at:%Y-%m-%d %H:%M:%S}" if one.resolved_at else f"{one.reason} ({one.attempts} attempts)"


def redriven(found: Sequence[Redriven], *, dry_run: bool) -> Answer:
    would, lines = "would be had" if dry_run else "had", []
    for one in found:
        lines.append(f"{one.subject}: {len(one.resolved)} {would}, {len(one.stays)} stay")
        lines += [f"  {row}: {reason}" for row, reason in one.stays]
    had, stay = sum(len(one.resolved) for one in found), sum(len(one.stays) for one in found)
    lines.append(f"{had} {would}, {stay} stay" if found else "nothing is set aside")
    subjects = [
        {"subject": one.subject, "had": one.resolved, "stays": [{"id": row, "reason": reason} for row, reason in one.stays]}
        for one in found
    ]
    document = {"dry_run": dry_run, "had": had, "stay": stay, "subjects": subjects}
    return Answer(document=document, lines=lines, good=stay == 0)


def strange(cluster_id: str, found: Strangeness) -> Answer:
    lines = [f"the cluster that answers is {cluster_id}"]
    if found.said is not None:
        lines.append(f"{found.said.topic} (said here, {found.events:,} events): {_known(found.said.here, found.said.cluster_id)}")
    lines += [f"{known.topic} (heard here): {_known(known.here, known.cluster_id)}" for known in found.heard]
    document = {"cluster": cluster_id, "nothing_to_do": found.nothing, **asdict(found)}
    return Answer(document=document, lines=lines)


def _known(here: bool, cluster_id: str) -> str:  # noqa: FBT001 -- reads once, above
    return "as known" if here else f"known on cluster {cluster_id}, here it is another topic"
