"""The sample brief, brand and personas, as the demo uses them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).resolve().parents[1] / "samples"


def sample(name: str) -> Any:
    """Return a sample file, read anew."""
    return json.loads((SAMPLES / name).read_text())
