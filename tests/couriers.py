"""Waiting for what the courier does in no hurry, which the answer to a request does not wait for."""

from __future__ import annotations

from api.courier import Courier


def delivered_in_no_hurry(courier: Courier) -> None:
    """Return when everything that was at hand is done: the one thread for it works in order."""
    courier._later.submit(int).result()
