"""Questions to the broker: one that the client let go of is asked again, one that the broker refuses is not."""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException

import chassis.topics
from chassis.topics import identity_of


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
