"""A queue from a reader's thread to who waits for what it reads, with a bound on what nobody has taken yet."""

import queue
import threading
from typing import Generic, TypeVar

from vbench.guest.collecting import MOST_B, TooMuch

T = TypeVar("T")


class Inbox(Generic[T]):
    """Any number of items, whose sizes together stay below `most_b`."""

    def __init__(self, most_b: int = MOST_B) -> None:
        self._most_b = most_b
        self._queue: queue.SimpleQueue[tuple[T, int]] = queue.SimpleQueue()
        self._unread_b = 0
        self._lock = threading.Lock()

    def put(self, item: T, size_b: int = 0) -> None:
        """Raises TooMuch, and leaves the item out, where it does not fit."""
        with self._lock:
            if self._unread_b + size_b > self._most_b:
                raise TooMuch(f"more than {self._most_b // 2**20} MiB that nobody reads")
            self._unread_b += size_b
        self._queue.put((item, size_b))

    def get(self, *, timeout_s: float | None = None) -> T:
        """The next item. Raises queue.Empty where none comes in time."""
        item, size_b = self._queue.get(timeout=timeout_s)
        with self._lock:
            self._unread_b -= size_b
        return item
