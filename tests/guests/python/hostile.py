"""What must hurt nobody else."""

import asyncio

from innkeeper_plugin import log
from server import sio

kept = []


@sio.event
def spin(sid):
    while True:
        pass


@sio.on("spin-later")
async def spin_later(sid):
    await asyncio.sleep(0.005)
    while True:
        pass


@sio.event
def hoard(sid):
    while True:
        kept.append(bytearray(1 << 20))


@sio.on("hoard-later")
async def hoard_later(sid):
    """In a task that nobody awaits."""

    async def later():
        await asyncio.sleep(0.005)
        hoard(sid)

    asyncio.create_task(later())
    return "hoarding"


@sio.on("endless-promises")
async def endless(sid):
    while True:
        await asyncio.sleep(0)


@sio.event
def recurse(sid):
    return 1 + recurse(sid)


@sio.event
async def never(sid):
    await asyncio.get_running_loop().create_future()


@sio.event
def questions(sid, count):
    """Nobody waits for them."""
    for _ in range(count):
        asyncio.get_running_loop().call_later(60, print)
    return "asked"


@sio.on("reject-nobody")
def reject_nobody(sid):
    async def fails():
        raise ValueError("nobody waits for this")

    asyncio.create_task(fails())
    return "fine"


@sio.on("log")
def write(sid, level, message):
    log.write(level, message, who="the guest")
    print(f"printed: {message}")
