"""A queue between a thread that reads output and the caller that waits for it. Its unread content is bounded."""

import queue
import threading
from typing import Generic, TypeVar

from vbench.guest.collecting import MOST_B, TooMuch

T = TypeVar("T")


class Inbox(Generic[T]):
    """Items in order. The sizes of the unread ones add up to `most_b` at most."""

    def __init__(self, most_b: int = MOST_B) -> None:
        self._most_b = most_b
        self._queue: queue.SimpleQueue[tuple[T, int]] = queue.SimpleQueue()
        self._unread_b = 0
        self._lock = threading.Lock()

    def put(self, item: T, size_b: int = 0) -> None:
        """Adds the item. Raises TooMuch if it does not fit; then it is not added."""
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
