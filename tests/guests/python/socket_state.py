"""What a socket has: its handshake, its session, its end; and what `connect` does again after a trap."""

import asyncio
from urllib.parse import parse_qsl

import counting
import order
from innkeeper_plugin import ConnectionRefusedError
from server import sio

#: How each socket was shown to this instance, as long as it is connected; how the others ended; how this instance began.
kinds, ends = {}, {}
begun = None
kept = "nothing"


@sio.on_startup
def started(kind):
    global begun
    begun = kind


class Broken(Exception):
    def __init__(self, because):
        super().__init__("broken")
        self.data = {"because": because}


@sio.event
async def connect(sid, environ, auth):
    query = dict(parse_qsl(environ["QUERY_STRING"]))
    if "refuse" in query:
        raise ConnectionRefusedError("not today", {"because": query["refuse"]})
    if "throws" in query:
        raise Broken(query["throws"])
    kinds[sid] = kind = environ["innkeeper.kind"]
    async with sio.session(sid) as session:
        session.setdefault("since", "the first connection")
    await sio.enter_room(sid, "everybody")
    await sio.emit("welcome", kind == "resumed", to=sid)

    async def later():
        await asyncio.sleep(0.02)
        await sio.emit("from the timer", kind == "resumed", to=sid)

    asyncio.create_task(later())


@sio.event
async def disconnect(sid, reason):
    ends[sid] = {"reason": reason, "left": sio.rooms(sid)}
    kinds.pop(sid)
    order.started.pop(sid, None)
    counting.forget(sid)
    await sio.emit("gone", (sid, reason))


@sio.on("end-of")
def end_of(sid, other):
    return ends.get(other)


@sio.event
async def state(sid):
    return {"recovered": kinds[sid] == "resumed", "begun": begun, "data": await sio.get_session(sid)}


@sio.event
def handshake(sid):
    environ = sio.get_environ(sid)
    return {
        "path": environ["PATH_INFO"],
        "query": dict(parse_qsl(environ["QUERY_STRING"])),
        "address": environ["REMOTE_ADDR"],
        "hasHost": "HTTP_HOST" in environ,
        "transport": sio.transport(sid),
    }


@sio.event
async def data(sid, key, value):
    async with sio.session(sid) as session:
        session[key] = value
    return await sio.get_session(sid)


@sio.event
async def forget(sid, key):
    async with sio.session(sid) as session:
        del session[key]
    return await sio.get_session(sid)


@sio.on("disconnect-me")
async def disconnect_me(sid, close):
    await sio.disconnect(sid)


@sio.on_snapshot
def snapshot():
    return kept


@sio.on_restore
def restore(state):
    global kept
    kept = state
