"""How often and how much: bounds on what one person or address may ask of the server."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

MAX_FORM_BYTES = 4 << 20
_MOST_KNOWN = 100_000


@dataclass(frozen=True)
class Rate:
    """So many at once, and one more every ``seconds``."""

    burst: int
    seconds: float


SIGN_IN = Rate(10, 6)
JOIN = Rate(200, 1)
"""By address: a class sits behind one."""
CHECK = Rate(10, 2)
HAND_IN = Rate(5, 10)
APPEAL = Rate(10, 60)
GRADEBOOK = Rate(3, 3)
"""By server: a batch of many reports costs hardly more than one of a few."""


class Limiter:
    """Counts what was asked in this process; a token bucket for each purpose and asker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._full_at: dict[tuple[str, object], float] = {}

    def seconds_to_wait(self, purpose: str, asker: object, rate: Rate) -> float:
        """Count a request, and return 0; or count nothing, and return after how many seconds it may come again."""
        now = time.monotonic()
        with self._lock:
            if len(self._full_at) > _MOST_KNOWN:
                self._full_at = {key: full for key, full in self._full_at.items() if full > now}
            full_at = max(self._full_at.get((purpose, asker), now), now)
            wait = full_at + rate.seconds - (now + rate.burst * rate.seconds)
            if wait > 0:
                return wait
            self._full_at[purpose, asker] = full_at + rate.seconds
            return 0.0
