"""In which order the events of a socket start."""

import asyncio

from innkeeper_plugin import AsyncNamespace
from server import sio

#: By socket, as long as it is connected.
started = {}


class Order(AsyncNamespace):
    async def on_seq(self, sid, number):
        await self.emit("seen", (self.namespace, number, begin(sid, number)), to=sid)

    def on_started(self, sid):
        return started.get(sid, [])


@sio.event
async def step(sid, number, ms):
    await sio.emit("begins", ("python", number), to=sid)
    if ms > 0:
        await asyncio.sleep(ms / 1000)
    await sio.emit("ends", ("python", number), to=sid)


@sio.on("seq-async")
async def seq_async(sid, number):
    at = begin(sid, number)
    await asyncio.sleep(0.001)
    await sio.emit("seen", ("/", number, at), to=sid)
    return at


def begin(sid, number):
    """How many of the socket's have begun before."""
    numbers = started.setdefault(sid, [])
    numbers.append(number)
    return len(numbers) - 1
