"""Tasks and timers."""

import asyncio

from server import sio
from stored import bucket

async def slept(ms, value):
    await asyncio.sleep(ms / 1000)
    return value


@sio.event
async def sleep(sid, value):
    await sio.sleep(0.1)
    return [value]


@sio.on("wait-a-little")
async def wait_a_little(sid, value):
    return await slept(2, value)


#: Those who wait in `gather`.
gathered = []


@sio.event
async def gather(sid, count):
    """Waits until so many are there."""
    here = asyncio.get_running_loop().create_future()
    gathered.append(here)
    if len(gathered) == count:
        for future in gathered:
            future.set_result("all are here")
        gathered.clear()
    return await here


async def written():
    await bucket.set("all", 1)
    return True


async def fails():
    raise ValueError("no")


@sio.on("all")
async def wait_for_all(sid):
    values = await asyncio.gather(slept(10, "slept"), written(), slept(0, "at once"), slept(1, 4))
    settled = await asyncio.gather(fails(), slept(1, None), return_exceptions=True)
    return [*values, ["rejected" if isinstance(one, ValueError) else "fulfilled" for one in settled]]


@sio.event
async def race(sid):
    """The slower one is cancelled, and so is its timer."""
    tasks = [asyncio.create_task(slept(5_000, "slow")), asyncio.create_task(slept(5, "fast"))]
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    return [task.result() for task in done]


@sio.on("wait-for")
async def wait_for(sid, timeout_ms):
    """The client answers later than that: the question is taken back."""
    try:
        return await asyncio.wait_for(sio.call("question", "slow", to=sid), timeout_ms / 1000)
    except asyncio.TimeoutError:
        return "timeout"


@sio.event
async def timers(sid, delays):
    """The order in which they end."""
    order = []

    async def ends(ms, index):
        order.append(await slept(ms, index))

    await asyncio.gather(*(ends(ms, index) for index, ms in enumerate(delays)))
    return order


@sio.on("for-await")
async def async_for(sid):
    async def numbers():
        for number in range(3):
            await asyncio.sleep(0.001)
            yield number

    return [number async for number in numbers()]


@sio.event
async def group(sid):
    """A queue between two tasks, and a lock, in a group."""
    queue, lock, seen = asyncio.Queue(1), asyncio.Lock(), []

    async def makes():
        for number in range(3):
            await queue.put(number)
        await queue.put(None)

    async def takes():
        while (number := await queue.get()) is not None:
            async with lock:
                await asyncio.sleep(0.001)
                seen.append(number)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(makes())
        tasks.create_task(takes())
    return seen


@sio.event
async def interval(sid, times):
    for number in range(1, times + 1):
        await asyncio.sleep(0.005)
        await sio.emit("tick", number, to=sid)
    return times


@sio.event
def background(sid):
    """The task goes on when its call has ended."""

    async def later():
        await asyncio.sleep(0.02)
        await sio.emit("from the background", to=sid)

    sio.start_background_task(later)
    return "answered"


@sio.on("background-throws")
def background_throws(sid):
    def throws():
        raise ValueError("thrown in a timer")

    asyncio.get_running_loop().call_later(0.001, throws)
    return "answered"
