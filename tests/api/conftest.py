"""What tests of the wire share: another server to be the upstream, and the backend that calls it."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from api.backends.upstream import UpstreamBackend
from tests.mock_upstream import MockUpstream


@pytest.fixture
def upstream() -> Iterator[MockUpstream]:
    """An OpenAI-compatible server on a real socket."""
    with MockUpstream() as server:
        yield server


@pytest_asyncio.fixture
async def upstream_backend() -> AsyncIterator[UpstreamBackend]:
    """The backend of upstreams, closed afterwards."""
    backend = UpstreamBackend()
    yield backend
    await backend.close()
