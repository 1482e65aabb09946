"""How often and how much: bounds on what one person or address may ask of the server."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
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


class Tally:
    """Counts what is too frequent to be kept one by one, such as failures of an attacker; each number is due once."""

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._every_s = seconds
        self._counts: defaultdict[object, int] = defaultdict(int)
        self._due_at: dict[object, float] = {}

    def count(self, key: object) -> int:
        """Count one more, and return how many there are to be kept now; 0 where some were kept a moment ago."""
        now = time.monotonic()
        with self._lock:
            self._counts[key] += 1
            if self._due_at.get(key, now) > now:
                return 0
            self._due_at[key] = now + self._every_s
            return self._counts.pop(key)

    def rest(self) -> dict[object, int]:
        """Return everything that was counted and is not kept yet; it counts as kept from now on."""
        with self._lock:
            rest, self._counts = dict(self._counts), defaultdict(int)
        return rest
