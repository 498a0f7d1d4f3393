"""How far the clocks of two hosts are apart: whatever one wrote and another reads."""

from datetime import timedelta
from typing import Final

CLOCKS: Final = timedelta(seconds=10)
"""The clocks of two hosts differ by so much at most: whatever one wrote and another reads is over that much later.

A host whose clock is further off starts living runs again; what their processes write is refused, not lost.
"""
