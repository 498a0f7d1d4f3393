"""The processes, each read as the business says it.

Belongs here: the order of steps, and waits. Does not: I/O, a clock or chance in a body, which is
replayed.
"""

# Prefect opens the result storage before a flow's own code runs, and knows only blocks whose module was imported.
import tasks.checkpoints.storage  # noqa: F401 - declares the block
