"""What the host calls. Each export is one entry: it runs inside the loop until nothing is ready."""

import contextvars

from componentize_py_types import Err
from wit_world.imports.registering import Registration
from wit_world.imports.types import Outcome_Done, Verdict_Pass

from . import calls, environ, payload
from .loop import Loop
from .server import connecting
from .text import text

SDK = "innkeeper-plugin (Python) 0.1.0"


def export(server):
    """The exports of a plugin that is this server: `WitWorld = export(sio)`."""
    exports = Exports(server)
    # componentize-py makes an object for each entry. There is one loop, so there is one object.
    return lambda: exports


class Exports:
    def __init__(self, server):
        self.server = server
        self.loop = Loop()

    def _enter(self, kind, call, handler, *args):
        return calls.run(self.loop, kind, call, handler, *args)

    def _handlers(self, registration):
        return list(self.server.routers.values())[registration].handlers

    def register(self):
        server = self.server
        hooks = [name for name, there in (("start", server.startup), ("snapshot", server.snapshot)) if there]
        namespaces = [router.registration() for router in server.routers.values()]
        return Registration("shared", namespaces, hooks, server.capabilities, [], SDK)

    def start(self, call, instance, kind):
        return self._enter(calls.Quiet, call, self.server.startup, kind)

    def connect_middleware(self, call, socket, namespace, registration):
        return self._connecting(calls.Connect, call, socket, registration, "new")

    def connection(self, call, socket, namespace, registration, kind):
        # A new socket was let in by the middleware. One that was there before this instance is shown to the handler now.
        if kind == "new":
            return Outcome_Done(None)
        return self._connecting(calls.Quiet, call, socket, registration, kind)

    def _connecting(self, ends, call, socket, registration, kind):
        # In a context of its own, in which this socket is the one that connects.
        context = contextvars.copy_context()
        return context.run(calls.run, self.loop, ends, call, self._connect, socket, registration, kind)

    def _connect(self, sid, registration, kind):
        connecting.set(sid)
        return self._handlers(registration)["connect"](sid, environ.of_socket(sid, kind), environ.auth(sid))

    def event_middleware(self, event):
        return Verdict_Pass()

    def event(self, event):
        return self._enter(calls.Handler, event.call, self._event, event)

    def _event(self, event):
        router = list(self.server.routers.values())[event.registration]
        handler, args = router.find(event.name, event.socket, payload.arguments(event.payload))
        return handler(*args)

    def disconnecting(self, call, socket, namespace, registration, reason, details):
        return Outcome_Done(None)

    def disconnect(self, call, socket, namespace, registration, reason, details):
        return self._enter(calls.Quiet, call, self._handlers(registration)["disconnect"], socket, reason)

    def timer(self, timer):
        return Outcome_Done(None)

    def server_event(self, event):
        return Outcome_Done(None)

    def notice(self, call, name, registration, socket, data):
        return Outcome_Done(None)

    def wake(self, tickets):
        self.loop.entered(self.loop.answered, tickets)

    def snapshot(self, instance):
        return self._told(lambda: text(self.server.snapshot()))

    def restore(self, instance, state):
        if self.server.restore is not None:
            self._told(self.server.restore, state)

    def _told(self, handler, *args):
        try:
            return self.loop.entered(handler, *args)
        except Exception as error:
            raise Err(calls.failure(error)) from None
