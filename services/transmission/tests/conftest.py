"""Lets these tests find their house, which stands beside them, and builds one for each that asks."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from transmission_house import FreshDatabase, House, transmission_house


@pytest.fixture
async def house(fresh_database: FreshDatabase) -> AsyncIterator[House]:
    async with transmission_house(fresh_database) as one:
        yield one
