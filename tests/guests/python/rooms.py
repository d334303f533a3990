"""Rooms, broadcasts, and questions to clients."""

import asyncio

from server import sio


@sio.event
async def join(sid, room):
    await sio.enter_room(sid, room)
    await sio.emit("joined", sid, room=room, skip_sid=sid)
    return sorted(sio.rooms(sid))


@sio.on("leave-room")
async def leave_room(sid, room):
    await sio.leave_room(sid, room)
    return sorted(sio.rooms(sid))


@sio.on("close-room")
async def close_room(sid, room):
    await sio.close_room(room)


@sio.event
async def say(sid, room, text):
    await sio.emit("said", text, to=room, skip_sid="muted")


@sio.event
async def fetch(sid, room):
    found = await sio.fetch_sockets(room)
    return [{"id": one.id, "data": one.data, "rooms": sorted(one.rooms), "query": one.query.get("name")} for one in found]


@sio.on("ask-other")
async def ask_other(sid, other, value):
    return await sio.call("question", value, to=other)


@sio.on("ask-me")
async def ask_me(sid, value, timeout_ms=None):
    try:
        timeout = None if timeout_ms is None else timeout_ms / 1000
        return {"answer": await sio.call("question", value, to=sid, timeout=timeout)}
    except Exception as error:
        return {"message": str(error)}


@sio.on("ask-me-callback")
async def ask_me_callback(sid, value):
    answered = asyncio.get_running_loop().create_future()
    await sio.emit("question", value, to=sid, callback=answered.set_result)
    return None, await answered


@sio.event
async def kick(sid, other):
    await sio.disconnect(other)
