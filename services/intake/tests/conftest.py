"""Lets these tests find their specimens and their house, which stand beside them; a house on databases of its own for each test."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from intake_house import FreshDatabase, House, house


@pytest.fixture
async def intake(fresh_database: FreshDatabase) -> AsyncIterator[House]:
    async with house(fresh_database) as opened:
        yield opened
