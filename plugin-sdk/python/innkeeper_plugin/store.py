"""The host's store: keys and values in buckets, which outlive the plugin and the host.

It needs the capability `store`. What is asked is done at once and stays done, also if the handler fails afterwards.
"""

import json

from wit_world.imports import store

from . import payload
from .questions import ask


class Bucket:
    """Keys of at most 1,024 bytes, and values of at most 1 MiB: JSON."""

    def __init__(self, name):
        self.name = name

    async def get(self, key):
        """The value of a key, or `None` if there is none, or it has expired."""
        return read(await ask(store.ask_get, self.name, key, take=store.value))

    async def set(self, key, value, ttl=None):
        """Writes a value; with a time to live, in seconds, it is gone after that time."""
        ttl_ms = None if ttl is None else int(ttl * 1000)
        await ask(store.ask_set, self.name, key, write(value), ttl_ms, take=store.done)

    async def delete(self, key):
        """Removes a value, and says whether there was one."""
        return await ask(store.ask_delete, self.name, key, take=store.done)

    async def increment(self, key, by=1):
        """Adds to a number, from 0 if there is none, and returns the sum."""
        return await ask(store.ask_increment, self.name, key, by, take=store.number)

    async def compare_and_swap(self, key, expected, value):
        """Writes the value if the present one is `expected`, and says whether it did; `None` is no value."""
        return await ask(store.ask_compare_and_swap, self.name, key, write(expected), write(value), take=store.done)

    async def scan(self, prefix="", after=None, limit=1000):
        """Keys and values, in the order of the keys: those that begin with `prefix`, after the key `after`."""
        entries = await ask(store.ask_scan, self.name, prefix, after, limit, take=store.entries)
        return [(entry.key, read(entry.value)) for entry in entries]


def read(value):
    return None if value is None else json.loads(value)


def write(value):
    return None if value is None else payload.text(value).encode()
