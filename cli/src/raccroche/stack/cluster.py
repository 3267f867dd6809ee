"""Who is who in a broker of several nodes: leaders, replicas in sync, the active controller, a group's coordinator; by process name."""

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError as KafkaClientError
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from raccroche.stack.nodes import Node
from raccroche.stack.source import Source

TIMEOUT_SECONDS = 5.0
ELECTION = "__cluster_metadata-0/quorum-state"
AWAY = (
    KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError.REQUEST_TIMED_OUT,  # noqa: SLF001 -- their spelling
    KafkaError._DESTROY_BROKER,  # noqa: SLF001 -- the client let go of the node it asked, since the cluster names it no more
    KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)  # fmt: skip


class NobodyKnows(Exception):
    """There is no such one just now, or nobody answers: an election is going on, or too many nodes are away. Ask again."""


@dataclass(frozen=True, kw_only=True)
class Partition:
    """leader: none while there is none."""

    leader: str | None
    replicas: tuple[str, ...]
    in_sync: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Each question raises NobodyKnows while it has no answer.

    The node of the active controller is asked, since one that is or was cut off answers what it knew last. Who that is, the nodes'
    own records tell: brokers name any of themselves.
    """

    source: Source
    nodes: tuple[Node, ...]

    async def joined(self) -> tuple[str, ...]:
        """The nodes that the controller takes for alive."""
        return await asyncio.to_thread(self._joined)

    async def partitions(self, topic: str) -> Mapping[int, Partition]:
        """Leader, replicas and replicas in sync of each partition. Of a topic made just now nobody may know yet."""
        return await asyncio.to_thread(self._partitions, topic)

    async def leaders(self, topic: str) -> Mapping[int, str | None]:
        """As `partitions`, of which it tells the leaders only."""
        return {number: partition.leader for number, partition in (await self.partitions(topic)).items()}

    async def coordinator(self, group: str) -> str:
        """The node that keeps a group's members and offsets."""
        # not by librdkafka's describe_consumer_groups: an election in the midst of it can abort the whole process (an assertion)
        admin = AIOKafkaAdminClient(bootstrap_servers=self._address(), request_timeout_ms=int(TIMEOUT_SECONDS * 1000))
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS + 1):
                await admin.start()
                return self._name(await admin.find_coordinator(group))
        except (KafkaClientError, TimeoutError) as unknown:
            raise NobodyKnows(type(unknown).__name__) from None
        finally:
            await admin.close()

    def controller(self) -> str:
        """The node that the youngest election on any disk made the active controller.

        Raises:
            NobodyKnows: the youngest election is not over.
        """
        votes = [vote for node in self.nodes if (vote := _vote(self.source.recorded(node, ELECTION))) is not None]
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
        found = _answer(admin.describe_cluster(request_timeout=TIMEOUT_SECONDS))
        return tuple(sorted(self._name(node.id) for node in found.nodes))

    def _partitions(self, topic: str) -> dict[int, Partition]:
        admin = self._admin()
        found = _answer(admin.describe_topics(TopicCollection([topic]), request_timeout=TIMEOUT_SECONDS)[topic])
        return {
            one.id: Partition(
                leader=self._name(one.leader.id) if one.leader is not None and one.leader.id >= 0 else None,
                replicas=tuple(sorted(self._name(node.id) for node in one.replicas)),
                in_sync=tuple(sorted(self._name(node.id) for node in one.isr)),
            )
            for one in found.partitions
        }

    def _admin(self) -> AdminClient:
        """To be kept until the answer is there: it takes its requests with it."""
        return AdminClient({"bootstrap.servers": self._address(), "log_level": 0})

    def _address(self) -> str:
        controller = self.controller()
        return next(node.address for node in self.nodes if node.name == controller)


def _answer[T](future: Future[T]) -> T:
    try:
        return future.result(TIMEOUT_SECONDS + 1)
    except TimeoutError:
        raise NobodyKnows("no answer in time") from None
    except KafkaException as refused:
        if refused.args[0].code() in AWAY:
            raise NobodyKnows(refused.args[0].name()) from None
        raise


def _vote(recorded: str | None) -> tuple[int, int] | None:
    """Epoch and leader (-1: none yet) of the last election that the node took part in; none before the first."""
    try:
        state = json.loads(recorded or "")
    except json.JSONDecodeError:  # not yet; or about to be renamed
        return None
    return int(state["leaderEpoch"]), int(state["leaderId"])
