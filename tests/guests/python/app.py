"""A guest for tests: what people write in Python, and what no host should have to bear, each by an event of its own."""

import asyncio

from innkeeper_plugin import AsyncServer, Bucket, export

sio = AsyncServer(capabilities=["store:guest"])
store = Bucket("guest")

logged_in = 0
users = {}
numbers = {}


@sio.event
async def connect(sid, environ):
    numbers[sid] = 0


@sio.event
async def disconnect(sid, reason):
    numbers.pop(sid, None)
    users.pop(sid, None)


@sio.event
def echo(sid, *args):
    return args


@sio.on("echo-async")
async def echo_async(sid, *args):
    future = asyncio.get_running_loop().create_future()
    future.set_result(args)
    return await future


@sio.event
async def sleep(sid):
    await asyncio.sleep(0.1)
    return "slept"


@sio.event
async def login(sid, name):
    global logged_in
    logged_in += 1
    users[sid] = name
    await sio.emit("logged-in", logged_in)
    return logged_in


@sio.event
async def leave(sid):
    global logged_in
    if users.pop(sid, None) is not None:
        logged_in -= 1
    await sio.emit("logged-in", logged_in)
    return logged_in


@sio.on("store")
async def keep(sid, value):
    await store.set("value", value)
    return await store.get("value"), await store.increment("count")


@sio.event
async def fetch(sid):
    return sorted(socket.id for socket in await sio.fetch_sockets())


@sio.on("ask-other")
async def ask_other(sid, other, question):
    return await sio.call("question", question, to=other)


@sio.on("all")
async def gather(sid):
    async def slept(ms):
        await asyncio.sleep(ms / 1000)
        return ms

    return await asyncio.gather(slept(30), store.increment("all"), slept(10), fetch(sid))


@sio.event
async def race(sid):
    """The client is never answered by itself, so the clock wins, and the question is taken back."""
    try:
        return await asyncio.wait_for(sio.call("question", "slow", to=sid), 0.05)
    except asyncio.TimeoutError:
        return "timeout"


@sio.event
async def interval(sid, times):
    async def tick():
        for number in range(1, times + 1):
            await asyncio.sleep(0.01)
            await sio.emit("tick", number, to=sid)

    asyncio.create_task(tick())
    return "begun"


@sio.event
async def background(sid, text):
    """Nobody awaits the task; it goes on when the call has ended."""

    async def later():
        await asyncio.sleep(0.02)
        await sio.emit("background", text, to=sid)

    asyncio.create_task(later())
    return "begun"


@sio.on("reject-nobody")
async def reject_nobody(sid, text):
    async def fails():
        raise ValueError(text)

    asyncio.create_task(fails())
    return "begun"


class Refused(Exception):
    code = "REFUSED"

    def __init__(self, message):
        super().__init__(message)
        self.data = {"by": "guest"}


@sio.event
def throw(sid, message):
    raise Refused(message)


@sio.on("throw-later")
async def throw_later(sid, message):
    """What was emitted before stays emitted, as in Node."""
    await sio.emit("before", message, to=sid)
    await asyncio.sleep(0.01)
    await sio.emit("after", message, to=sid)
    raise Refused(message)


@sio.event
async def spin(sid):
    while True:
        pass


@sio.event
async def hoard(sid):
    kept = []
    while True:
        kept.append(bytearray(1 << 20))


@sio.event
async def never(sid):
    await asyncio.get_running_loop().create_future()


@sio.event
async def seq(sid):
    """The number of this call among those of the socket, taken when the handler starts."""
    numbers[sid] = number = numbers.get(sid, 0) + 1
    await asyncio.sleep(0.001 * (number % 3))
    return number


WitWorld = export(sio)
