"""The host's store: keys and values in buckets, which outlive the plugin and the host.

It needs the capability `store`. What is asked is done at once and stays done, also if the handler fails afterwards.
"""

import json

from wit_world.imports import store

from . import payload
from .number import LARGEST, milliseconds, whole
from .questions import ask
from .text import text


class Bucket:
    """Keys of at most 1,024 bytes, and values of at most 1 MiB: JSON."""

    def __init__(self, name):
        self.name = text(name)

    async def get(self, key):
        """The value of a key, or `None` if there is none, or it has expired."""
        return read(await ask(store.ask_get, self.name, text(key), take=store.value))

    async def set(self, key, value, ttl=None):
        """Writes a value; with a time to live, in seconds, it is gone after that time."""
        await ask(store.ask_set, self.name, text(key), write(value), milliseconds(ttl, LARGEST), take=store.done)

    async def delete(self, key):
        """Removes a value, and says whether there was one."""
        return await ask(store.ask_delete, self.name, text(key), take=store.done)

    async def increment(self, key, by=1):
        """Adds to a number, from 0 if there is none, and returns the sum."""
        return await ask(store.ask_increment, self.name, text(key), whole(by, LARGEST, -LARGEST), take=store.number)

    async def compare_and_swap(self, key, expected, value):
        """Writes the value if the present one is `expected`, and says whether it did; `None` is no value."""
        return await ask(store.ask_compare_and_swap, self.name, text(key), write(expected), write(value), take=store.done)

    async def scan(self, prefix="", after=None, limit=1000):
        """Keys and values, in the order of the keys: those that begin with `prefix`, after the key `after`."""
        after = None if after is None else text(after)
        entries = await ask(store.ask_scan, self.name, text(prefix), after, whole(limit), take=store.entries)
        return [(entry.key, read(entry.value)) for entry in entries]


def read(value):
    return None if value is None else json.loads(value)


def write(value):
    return None if value is None else payload.to_json(value).encode()
