"""Sessions of sockets: they stand in `socket.data` of the host, so they outlive the instance."""

import json
from contextlib import asynccontextmanager

from wit_world.imports import sockets

from . import payload
from .exceptions import told
from .text import text


class Session(dict):
    """A copy of a socket's session. Changes are kept when it is saved."""

    def __init__(self, values):
        super().__init__(values)
        # As text, because a value may be changed in place.
        self.read = {key: payload.to_json(value) for key, value in values.items()}


def get(sid):
    return Session(json.loads(told(sockets.get_data, text(sid))))


def save(sid, session):
    """Writes the keys that have changed since the session was read, and leaves those of other plugins alone."""
    sid = text(sid)
    before = session.read if isinstance(session, Session) else get(sid).read
    for key, value in session.items():
        value = payload.to_json(value)
        if before.get(key) != value:
            told(sockets.set_data, sid, text(key), value)
    for key in before.keys() - session.keys():
        told(sockets.remove_data, sid, key)


@asynccontextmanager
async def opened(sid):
    session = get(sid)
    yield session
    save(sid, session)
