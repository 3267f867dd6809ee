"""The bare loop's SQL by pgbench: is the loop the limit, or the database?"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from raccroche.stack import Stack
from raccroche.stack.programs import Plan

SQL = """
with drawn as materialized (
  select gen_random_uuid() as event_id, gen_random_uuid() as command_id, 'specimen--' || :n as stream
), past as (
  select coalesce(max(stream_version), 0) as version from events where stream_id = (select stream from drawn)
), appended as (
  insert into events (event_id, stream_id, stream_version, private, type, subject, happened_at, recorded_at, actor,
    correlation_id, causation_id, command_id, attributes, leaf, body, traceparent, tracestate)
  select event_id, stream, version + 1, false, 'fr.raccroche.offers.SeatsChanged.v1', stream, now(), now(), 'bare', command_id, null,
    command_id, decode(repeat('61', 530), 'hex'), decode(repeat('61', 32), 'hex'), decode(repeat('61', 80), 'hex'), null, null
  from drawn, past where version < 1000
), answered as (
  insert into commands (command_id, actor, route, fingerprint, status, answer, at)
  select command_id, 'bare', 'bare', decode(repeat('61', 32), 'hex'), 200, decode(repeat('61', 160), 'hex'), now() from drawn
)
insert into outbox (event_id) select event_id from drawn
"""


def transactions(stack: Stack, dsn: str, clients: int, seconds: float) -> float | None:
    """Transactions per second; none where there is no pgbench, neither beside the stack's server nor on the path.

    Raises:
        RuntimeError: pgbench says something else than a figure.
    """
    binaries = Plan.load(stack.layout.plan).binaries
    beside = Path(binaries, "pgbench") if binaries else None
    pgbench = str(beside) if beside and beside.exists() else shutil.which("pgbench")
    if pgbench is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "bare.sql")
        file.write_text("\\set n random(0, 3999)\n" + " ".join(SQL.split()) + ";\n")
        command = [pgbench, "-n", "-c", str(clients), "-j", "1", "-T", str(int(seconds)), "-M", "prepared", "-f", str(file), dsn]
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    told = re.search(r"tps = ([\d.]+)", said.stdout)
    if told is None:
        raise RuntimeError(f"pgbench: {said.stderr.strip()[-300:]}")
    return float(told.group(1))
