"""Who is who in a broker of several nodes: leaders, replicas in sync, the active controller, a group's coordinator; by process name."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from raccroche.stack.layout import Layout
from raccroche.stack.nodes import Node

TIMEOUT_SECONDS = 10.0
MOVING = (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE)


class NobodyKnows(Exception):
    """There is no such one just now: an election is going on, or too many nodes are away. Ask again."""


@dataclass(frozen=True, kw_only=True)
class Partition:
    """leader: none while there is none."""

    leader: str | None
    replicas: tuple[str, ...]
    in_sync: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Asks the broker itself, but for the controller: brokers name any of themselves for that, so the nodes' own records are read."""

    bootstrap: str
    layout: Layout
    nodes: tuple[Node, ...]

    async def joined(self) -> tuple[str, ...]:
        """The nodes that the controller takes for alive.

        Raises:
            KafkaException: no answer in time.
        """
        return await asyncio.to_thread(self._joined)

    async def partitions(self, topic: str) -> Mapping[int, Partition]:
        """Leader, replicas and replicas in sync of each partition.

        Raises:
            KafkaException: no answer in time, or no such topic.
        """
        return await asyncio.to_thread(self._partitions, topic)

    async def leaders(self, topic: str) -> Mapping[int, str | None]:
        """As `partitions`, of which it tells the leaders only."""
        return {number: partition.leader for number, partition in (await self.partitions(topic)).items()}

    async def coordinator(self, group: str) -> str:
        """The node that keeps a group's members and offsets.

        Raises:
            NobodyKnows: it is moving.
            KafkaException: no answer in time.
        """
        return await asyncio.to_thread(self._coordinator, group)

    def controller(self) -> str:
        """The node that the youngest election on any disk made the active controller.

        Raises:
            NobodyKnows: the youngest election is not over.
        """
        votes = [vote for node in self.nodes if (vote := _vote(node.folder(self.layout))) is not None]
        if not votes:
            raise NobodyKnows("no node has recorded an election yet")
        youngest = max(epoch for epoch, _ in votes)
        elected = {leader for epoch, leader in votes if epoch == youngest and leader >= 0}
        if not elected:
            raise NobodyKnows(f"the election of epoch {youngest} is not over")
        return self._name(elected.pop())

    def _name(self, number: int) -> str:
        return next(node.name for node in self.nodes if node.number == number)

    def _joined(self) -> tuple[str, ...]:
        admin = self._admin()
        found = admin.describe_cluster(request_timeout=TIMEOUT_SECONDS).result(TIMEOUT_SECONDS)
        return tuple(sorted(self._name(node.id) for node in found.nodes))

    def _partitions(self, topic: str) -> dict[int, Partition]:
        admin = self._admin()
        found = admin.describe_topics(TopicCollection([topic]), request_timeout=TIMEOUT_SECONDS)[topic].result(TIMEOUT_SECONDS)
        return {
            one.id: Partition(
                leader=self._name(one.leader.id) if one.leader is not None and one.leader.id >= 0 else None,
                replicas=tuple(sorted(self._name(node.id) for node in one.replicas)),
                in_sync=tuple(sorted(self._name(node.id) for node in one.isr)),
            )
            for one in found.partitions
        }

    def _coordinator(self, group: str) -> str:
        admin = self._admin()
        try:
            found = admin.describe_consumer_groups([group], request_timeout=TIMEOUT_SECONDS)[group].result(TIMEOUT_SECONDS)
        except KafkaException as refused:
            if refused.args[0].code() in MOVING:
                raise NobodyKnows(f"the coordinator of {group} is moving") from None
            raise
        return self._name(found.coordinator.id)

    def _admin(self) -> AdminClient:
        """To be kept until the answer is there: it takes its requests with it."""
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})


def _vote(folder: Path) -> tuple[int, int] | None:
    """Epoch and leader (-1: none yet) of the last election that the node took part in; none before the first."""
    try:
        state = json.loads((folder / "data" / "__cluster_metadata-0" / "quorum-state").read_text())
    except (FileNotFoundError, json.JSONDecodeError):  # not yet; or about to be renamed
        return None
    return int(state["leaderEpoch"]), int(state["leaderId"])
