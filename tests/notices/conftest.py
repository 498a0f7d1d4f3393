"""A campaign that waits, and a server where its notices arrive."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.approvals.conftest import scene
from tests.notices.servers import Mailroom, Postbox, a_mail_server, a_web_server

__all__ = ["scene"]


@pytest.fixture
def mailroom() -> Iterator[Mailroom]:
    with a_mail_server() as room:
        yield room


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    with a_web_server() as box:
        yield box
