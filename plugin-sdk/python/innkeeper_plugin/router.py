"""Which handler an event has, and what of it the host is told when the plugin is registered."""

import inspect

from wit_world.imports.registering import NamespaceRegistration, Subscription

RESERVED = ("connect", "disconnect")


class Router:
    """The handlers of one namespace, by the names of their events."""

    def __init__(self, name):
        self.name = name
        self.handlers = {}

    def add(self, event, handler):
        if event in RESERVED:
            handler = Bounded(handler)
        self.handlers[event] = handler

    def find(self, event, sid, args):
        """The handler of this event and what it is called with."""
        handler = self.handlers.get(event)
        if handler is not None:
            return handler, (sid, *args)
        return self.handlers["*"], (event, sid, *args)

    def registration(self):
        hooks = []
        if "connect" in self.handlers:
            hooks += ["connect-middleware", "connection"]
        if "disconnect" in self.handlers:
            hooks.append("disconnect")
        events = [Subscription(name, []) for name in self.handlers if name not in RESERVED and name != "*"]
        return NamespaceRegistration(self.name, [], hooks, events, [] if "*" in self.handlers else None, [])


class Bounded:
    """A handler that may take fewer arguments than there are: `connect(sid, environ)`, `disconnect(sid)`."""

    def __init__(self, handler):
        self.handler = handler
        parameters = inspect.signature(handler).parameters.values()
        is_open = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
        self.most = None if is_open else len(parameters)

    def __call__(self, *args):
        return self.handler(*args[: self.most])
