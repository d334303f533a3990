"""The server of a plugin, with the names of python-socketio's `AsyncServer`."""

import asyncio
import contextvars

from wit_world.imports import emit, rooms, sockets
from wit_world.imports.types import Target

from . import environ, payload, sessions
from .exceptions import told
from .number import milliseconds
from .questions import ask
from .remote import take_sockets
from .router import Router
from .text import text, texts

#: The socket whose `connect` handler runs. It is in no room yet, not even in its own.
connecting = contextvars.ContextVar("connecting", default=None)


class AsyncServer:
    """Handlers of events, and what they can do. `capabilities` are requested from the operator."""

    def __init__(self, capabilities=()):
        self.capabilities = list(capabilities)
        #: By namespace, in the order in which they are registered.
        self.routers = {}
        self.startup = self.snapshot = self.restore = None

    # Handlers

    def on(self, event, handler=None, namespace=None):
        """Registers a handler; without one, a decorator. `*` is every event that has no handler: `handler(event, sid, *args)`."""
        if handler is None:
            return lambda handler: self.on(event, handler, namespace)
        name = namespace or "/"
        self.routers.setdefault(name, Router(name)).add(event, handler)
        return handler

    def event(self, handler=None, namespace=None):
        """A decorator: the function handles the event of its name."""
        if handler is None:
            return lambda handler: self.on(handler.__name__, handler, namespace)
        return self.on(handler.__name__, handler)

    def register_namespace(self, handler):
        """Registers an `AsyncNamespace`."""
        handler.server = self
        for name in dir(handler):
            if name.startswith("on_"):
                self.on(name.removeprefix("on_"), getattr(handler, name), handler.namespace)

    def on_startup(self, handler):
        """A decorator: called once for each instance, before anything else, with the reason: `new`, `swapped`, `restarted`."""
        self.startup = handler
        return handler

    def on_snapshot(self, handler):
        """A decorator: returns the text that the next generation starts with."""
        self.snapshot = handler
        return handler

    def on_restore(self, handler):
        """A decorator: gets the text that the generation before returned."""
        self.restore = handler
        return handler

    # Emits

    async def emit(self, event, data=None, to=None, *, room=None, skip_sid=None, namespace=None, callback=None):
        """Emits to one room or several, to a socket by its id, or to all sockets of the namespace."""
        event, to, body = text(event), to or room, payload.of_data(data)
        if callback is not None:
            # Asked at once, so that the question stands in call order among the emits.
            answers = ask(emit.ask_rooms, target(namespace, to, skip_sid), event, body, None, take=emit.responses)
            asyncio.create_task(call_back(callback, answers))
        elif to is not None and to == connecting.get():
            told(emit.to_socket, to, event, body, [])
        else:
            told(emit.to_rooms, target(namespace, to, skip_sid), event, body)

    async def call(self, event, data=None, to=None, *, sid=None, namespace=None, timeout=None):
        """Emits to one socket and returns what its client answers; without a timeout it may take as long as the call."""
        answers = await ask(
            emit.ask_socket, text(to or sid), text(event), payload.of_data(data), milliseconds(timeout), take=emit.responses
        )
        return payload.data(answers.responses[0].payload)

    # Rooms

    async def enter_room(self, sid, room, namespace=None):
        told(rooms.join, text(sid), [text(room)])

    async def leave_room(self, sid, room, namespace=None):
        told(rooms.leave, text(sid), [text(room)])

    async def close_room(self, room, namespace=None):
        """All sockets leave the room."""
        told(rooms.leave_all, target(namespace, text(room)), [text(room)])

    def rooms(self, sid, namespace=None):
        return told(rooms.get, text(sid))

    # Sockets

    async def get_session(self, sid, namespace=None):
        """A copy of the socket's session, JSON; changes are kept by `save_session`."""
        return sessions.get(sid)

    async def save_session(self, sid, session, namespace=None):
        sessions.save(sid, session)

    def session(self, sid, namespace=None):
        """`async with sio.session(sid) as session:` saves the session at the end of the block."""
        return sessions.opened(sid)

    async def fetch_sockets(self, room=None, skip_sid=None, namespace=None, fields=("rooms", "data", "handshake")):
        """The sockets of all nodes that are in one of the rooms, or in the namespace: `fetchSockets` of Node."""
        return await ask(sockets.fetch, target(namespace, room, skip_sid), list(fields), None, take=take_sockets)

    async def disconnect(self, sid, namespace=None):
        told(sockets.disconnect, text(sid), False)

    def get_environ(self, sid, namespace=None):
        return environ.of_socket(text(sid))

    def transport(self, sid, namespace=None):
        return told(sockets.get_transport, text(sid))

    # Tasks

    def start_background_task(self, function, *args, **options):
        return asyncio.create_task(function(*args, **options))

    async def sleep(self, seconds=0):
        await asyncio.sleep(seconds)


def target(namespace, to=None, skip=None):
    return Target(namespace or "/", texts(to), texts(skip), [])


async def call_back(callback, answers):
    """Calls the function for each client that answers."""
    for response in (await answers).responses:
        result = callback(*payload.arguments(response.payload))
        if asyncio.iscoroutine(result):
            await result
