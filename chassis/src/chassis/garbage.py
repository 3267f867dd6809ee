"""How seldom a process that makes small objects by the thousand, and no cycles of them, looks for cycles."""

import gc

YOUNG = 50_000
"""Objects made, and not yet let go, before a look; Python's own figure is 2,000. A look at a batch that is still needed frees nothing."""
LOOKS_BEFORE_OLDER = (20, 100)


def look_seldom() -> None:
    """What was made so far stays and is looked through no more: again and again, that costs time and long pauses."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *LOOKS_BEFORE_OLDER)
