"""Whatever bytes come: the house's own refusal, or lines with their verdicts; nothing else, from any format, in any encoding."""

import io
import os
from random import Random

import pytest
from bad_bodies import SPECIMENS, composed, mutated
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_specimens import REFERENCE, UAI

from intake.formats import ADAPTERS
from intake.formats.cells import ListRefused
from intake.formats.text import CHARSETS, lines_of
from intake.inspection import inspect
from intake.record import Held, NotKept, Record, Rejected
from intake.rules import RULES
from intake.validation import validated

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "200"))
"""Of each kind; more when somebody asks for more."""
STARTS = (
    b"",
    b"PK\x03\x04",
    b"<?xml version='1.0'?><BEE_ELEVES VERSION='3.0'>",
    b"{",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"%PDF",
    b"\xd0\xcf\x11\xe0",
)

charsets = st.sampled_from([None, None, None, *CHARSETS, "ebcdic"])
chances = st.randoms(use_true_random=False)


def judged(body: bytes, list_format: str, charset: str | None) -> str:
    """The refusal's rule, or that every line has its verdict, by known rules and in the order of the file."""
    adapter = ADAPTERS[list_format]
    try:
        inspected = inspect(io.BytesIO(body), list_format, UAI, charset=charset)
    except ListRefused as refused:
        assert RULES[refused.rule].effect == "file"
        return refused.rule
    numbers = []
    for raw in lines_of(adapter, io.BytesIO(body), charset):
        line = validated(raw, adapter, REFERENCE)
        numbers.append(line.line)
        match line:
            case Record(remarks=findings):
                assert {RULES[one.rule].effect for one in findings} <= {"remark"}
            case Rejected(findings=findings):
                assert findings and {RULES[one.rule].effect for one in findings} == {"rejected"}
            case Held(findings=findings):
                assert findings and {RULES[one.rule].effect for one in findings} == {"held"}
            case NotKept():
                pass
    assert numbers == sorted(set(numbers)) and len(numbers) == inspected.lines > 0
    return "lines"


@pytest.mark.parametrize("list_format", sorted(ADAPTERS))
@settings(max_examples=EXAMPLES)
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=400), charset=charsets)
def test_any_bytes(list_format: str, start: bytes, rest: bytes, charset: str | None) -> None:
    judged(start + rest, list_format, charset)


@pytest.mark.parametrize("list_format", sorted(SPECIMENS))
@settings(max_examples=EXAMPLES)
@given(chance=chances, charset=charsets)
def test_a_good_file_with_changes(list_format: str, chance: Random, charset: str | None) -> None:
    judged(mutated(chance.choice(SPECIMENS[list_format]), chance), list_format, charset)


@pytest.mark.parametrize("list_format", sorted(SPECIMENS))
@settings(max_examples=EXAMPLES)
@given(chance=chances)
def test_the_right_pieces_put_together_anyhow(list_format: str, chance: Random) -> None:
    judged(composed(list_format, chance), list_format, None)


@pytest.mark.parametrize("list_format", sorted(SPECIMENS))
@settings(max_examples=EXAMPLES)
@given(chance=chances)
def test_a_good_file_sent_as_another_format(list_format: str, chance: Random) -> None:
    judged(mutated(chance.choice(SPECIMENS[list_format]), chance), chance.choice(sorted(ADAPTERS)), None)


@pytest.mark.parametrize("list_format", sorted(SPECIMENS))
def test_what_is_made_here_gets_past_the_first_door_and_is_refused_too(list_format: str) -> None:
    """So that the tests above are about more than the first bytes of a file."""
    found = {judged(mutated(chance.choice(SPECIMENS[list_format]), chance), list_format, None) for chance in map(Random, range(300))}
    found |= {judged(composed(list_format, chance), list_format, None) for chance in map(Random, range(300))}
    assert "lines" in found and len(found) > 2
