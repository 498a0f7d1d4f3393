"""Where the product lies on this machine, where its steps keep results, and which rings a process is given.

Light: whoever only starts processes does not load Prefect, a second and a half of CPU before anything begins.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
RINGS: Final = ("CAMPAIGNS_CHECKPOINT_KEYS", "CAMPAIGNS_APPROVAL_KEYS", "CAMPAIGNS_API_KEYS")
RINGS_OF: Final[Mapping[str, frozenset[str]]] = {
    "server": frozenset(),
    "register": frozenset({"CAMPAIGNS_CHECKPOINT_KEYS"}),
    "worker": frozenset({"CAMPAIGNS_CHECKPOINT_KEYS", "CAMPAIGNS_APPROVAL_KEYS"}),
    "api": frozenset({"CAMPAIGNS_APPROVAL_KEYS", "CAMPAIGNS_API_KEYS"}),
}
"""Which key rings a process is given: only those that it uses."""
CHECKPOINT_BLOCK: Final = "campaigns"
DEFAULT_RESULT_STORAGE: Final = f"sealed-checkpoints/{CHECKPOINT_BLOCK}"
"""Value of PREFECT_DEFAULT_RESULT_STORAGE_BLOCK in every process that runs flows."""
