"""Handlers of one namespace as methods of a class, with the names of python-socketio's `AsyncNamespace`."""


class AsyncNamespace:
    """A method `on_name` handles the event `name`. The methods of the server are there, for this namespace."""

    def __init__(self, namespace=None):
        self.namespace = namespace or "/"
        self.server = None

    def __getattr__(self, name):
        if name not in FORWARDED or self.server is None:
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        method = getattr(self.server, name)
        return lambda *args, **options: method(*args, **{"namespace": self.namespace, **options})


FORWARDED = frozenset(
    "emit call enter_room leave_room close_room rooms get_session save_session session fetch_sockets disconnect "
    "get_environ transport".split()
)
