"""Fixtures for the sandbox's tests."""

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.plumbing import Stage, playing


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with playing() as stage:
        yield stage
