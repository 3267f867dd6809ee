"""Put on intake's path by one test: the rule without one of its conditions, named by RULE_WITHOUT."""

import dataclasses
import os

from intake.domain import detection

_without = os.environ["RULE_WITHOUT"]
_rule = detection.SIEI_V1


def _left(conditions: tuple[detection.Condition, ...]) -> tuple[detection.Condition, ...]:
    return tuple(one for one in conditions if getattr(one, "__name__", "") != _without)


detection.SIEI_V1 = dataclasses.replace(
    _rule,
    leaver_without_diploma=_left(_rule.leaver_without_diploma),
    minor_under_obligation=_left(_rule.minor_under_obligation),
)
