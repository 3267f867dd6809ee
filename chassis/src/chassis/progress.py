"""How far a long job is, how fast it goes and how long it will take: told on standard error once it takes longer than two seconds."""

import sys
import time
from dataclasses import dataclass, field

QUIET_SECONDS = 2.0
EACH_SECONDS = 2.0


@dataclass(kw_only=True)
class Progress:
    """Told how much is done and of how much; `what` are the things counted."""

    what: str
    began: float = field(default_factory=time.monotonic)
    told: float = 0.0

    def __call__(self, done: int, of: int) -> None:
        now = time.monotonic()
        elapsed = now - self.began
        if elapsed < QUIET_SECONDS or now - self.told < EACH_SECONDS or not done:
            return
        self.told = now
        rate = done / elapsed
        print(f"{done:,} of {of:,} {self.what}, {rate:,.0f}/s, {max(of - done, 0) / rate:.0f} s left", file=sys.stderr, flush=True)
