"""How often Python looks for reference cycles in a process that serves for days."""

import gc

# At Python's default of 700, looking costs a tenth of a run's CPU time.
OBJECTS_BETWEEN = 20_000


def collect_rarely() -> None:
    """Call it once, when the imports are done: what they made is never looked at again."""
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN, 20, 10)
