"""Limits of rate, which the host counts for all instances together. They need the capability `rate-limit`."""

from wit_world.imports import rate_limit

from .number import LARGEST, milliseconds, whole
from .questions import ask
from .text import text


class RateLimit:
    """So many points in each window of so many seconds."""

    def __init__(self, points, window):
        self.limit = rate_limit.Limit(whole(points), milliseconds(window, LARGEST))

    async def consume(self, key, points=1):
        """Takes points from what the key has left. The answer says whether they were `allowed`."""
        return await ask(rate_limit.ask_consume, text(key), whole(points), self.limit, take=rate_limit.consumed)
