"""Takes what people ask for in turns: of one person, one thing at a time, so that nobody fills the places of others."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

Begin = Callable[[], None]


class Turns:
    """What each person waits for; they are told apart by anything that is theirs.

    Args:
        most: how much of one person's waits, beyond what has begun.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[Hashable, deque[Begin]] = {}
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="next turn")  # whoever ends one must not begin another

    def take(self, who: Hashable, begin: Begin) -> bool:
        """Begin something at once, or as soon as everything of this person's before it has ended.

        Args:
            who: the person.
            begin: begins it, and sees to it that `end` is called; it raises nothing when it had to wait.

        Returns:
            False where so much of theirs waits already that this never begins.
        """
        with self._lock:
            waiting = self._waiting.get(who)
            if waiting is not None:
                if len(waiting) >= self._most:
                    return False
                waiting.append(begin)
                return True
            self._waiting[who] = deque()
        try:
            begin()
        except BaseException:
            self.end(who)
            raise
        return True

    def end(self, who: Hashable) -> None:
        """Let the next thing of a person's begin; from any thread."""
        with self._lock:
            waiting = self._waiting[who]
            if not waiting:
                del self._waiting[who]
                return
            following = waiting.popleft()
        with suppress(RuntimeError):  # closed
            self._thread.submit(following)

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.shutdown(cancel_futures=True)
