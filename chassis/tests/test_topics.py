"""Questions to the broker: one that the client let go of is asked again, one that the broker refuses is not."""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.cimpl import NewTopic

import chassis.topics
from chassis.topics import TopicMissing, ensure_topics, identity_of
from contracts.catalogue import Topic


class Admin:
    """Fails the first questions about the cluster, then knows."""

    def __init__(self, *troubles: int) -> None:
        self.troubles = list(troubles)
        self.asked = 0

    def describe_cluster(self, **_: object) -> Future[object]:
        self.asked += 1
        answer: Future[object] = Future()
        if self.troubles:
            answer.set_exception(KafkaException(KafkaError(self.troubles.pop(0))))
        else:
            answer.set_result(SimpleNamespace(cluster_id="c1"))
        return answer


def asked(monkeypatch: pytest.MonkeyPatch, *troubles: int) -> Admin:
    admin = Admin(*troubles)
    monkeypatch.setattr(chassis.topics, "AdminClient", lambda _: admin)
    return admin


class SlowAdmin:
    """Makes a topic, and knows nothing of it for the first questions."""

    def __init__(self, slow: int) -> None:
        self.slow = slow
        self.asked = 0

    def create_topics(self, new: list[NewTopic], **_: object) -> dict[str, Future[None]]:
        made: Future[None] = Future()
        made.set_result(None)
        return {new[0].topic: made}

    def describe_topics(self, topics: TopicCollection, **_: object) -> dict[str, Future[object]]:
        self.asked += 1
        answer: Future[object] = Future()
        if self.asked <= self.slow:
            answer.set_exception(KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))
        else:
            answer.set_result(SimpleNamespace(topic_id="t1"))
        return {"made": answer}


@pytest.mark.parametrize("slow", [0, 1, 3])
async def test_a_topic_that_was_made_is_known_when_its_maker_returns(monkeypatch: pytest.MonkeyPatch, slow: int) -> None:
    admin = SlowAdmin(slow)
    monkeypatch.setattr(chassis.topics, "AdminClient", lambda _: admin)
    await ensure_topics("anywhere", [Topic(name="made", speaker="offers", partitions=1)])
    assert admin.asked == slow + 1


async def test_a_topic_that_nobody_gets_to_know_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chassis.topics, "AdminClient", lambda _: SlowAdmin(10_000))
    monkeypatch.setattr(chassis.topics, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(TopicMissing, match="made"):
        await ensure_topics("anywhere", [Topic(name="made", speaker="offers", partitions=1)])


async def test_a_question_that_was_let_go_of_with_its_node_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = asked(monkeypatch, KafkaError._DESTROY_BROKER, KafkaError._DESTROY_BROKER)
    assert (await identity_of("anywhere", [])).cluster_id == "c1"
    assert admin.asked == 3


@pytest.mark.parametrize("troubles", [[KafkaError._DESTROY_BROKER] * 3, [KafkaError._TRANSPORT], [KafkaError._TIMED_OUT]])
async def test_any_other_trouble_and_a_lasting_one_is_told(monkeypatch: pytest.MonkeyPatch, troubles: list[int]) -> None:
    admin = asked(monkeypatch, *troubles)
    with pytest.raises(KafkaException):
        await identity_of("anywhere", [])
    assert admin.asked == len(troubles)
