"""The composition root of history: the only file that sees everything."""

from chassis.service import Basics, Parts
from chassis.subscription import Subscription
from contracts.catalogue import TOPICS
from history.api import routes
from history.witness import keep


def build(basics: Basics) -> Parts:
    """Hear every speaker, keep the bytes, answer questions."""
    return Parts(
        subscription=Subscription(
            consumer="history",
            actor="/raccroche/history",
            speakers=tuple(topic.speaker for topic in TOPICS),
            witnesses=(keep,),
        ),
        routers=(routes(basics.app),),
    )
