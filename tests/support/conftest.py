"""The pack of these tests: small, with categories and programmes in an order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from almoner.policy.model.pack import Pack
from policy.small_pack import compiled
from policy.support_pack import FILES
from support.homes import Homes, homes


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return compiled(tmp_path_factory.mktemp("pack"), FILES)


@pytest.fixture
def place(pack: Pack) -> Iterator[Homes]:
    with homes(pack) as place:
        yield place
