"""A signal of risk is no dropout: nothing here hears it, so no case opens."""

from typing import Any, cast

from chassis.service import Basics
from contracts.intake import DropoutDetected, RiskSignalled
from followup.app import build


def test_a_signal_of_risk_opens_no_case_and_shows_nowhere() -> None:
    nothing = cast("Any", object())  # what is built is only looked at
    heard = build(
        Basics(clock=nothing, app=nothing, consumer=nothing, store=nothing, wake=lambda: None, keyring=nothing, settings=nothing)
    ).subscription
    assert heard.policies.get(DropoutDetected)
    assert RiskSignalled not in {*heard.policies, *heard.dated_policies}
    assert [one.table for one in heard.projections if RiskSignalled in one.hears] == []
