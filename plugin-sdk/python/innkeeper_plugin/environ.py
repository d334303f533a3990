"""The handshake of a socket as python-socketio shows it: the environment of its first request."""

import json

from wit_world.imports import sockets

from .exceptions import told


def of_socket(sid, kind=None):
    """`PATH_INFO`, `QUERY_STRING`, `REMOTE_ADDR`, `wsgi.url_scheme`, and the headers as `HTTP_…`.

    For a `connect` handler there is `innkeeper.kind` too: `new`, or `resumed` for a socket that was connected before the instance
    that serves it.
    """
    handshake = told(sockets.get_handshake, sid, ["address", "url", "headers"])
    path, _, query = handshake.url.partition("?")
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REMOTE_ADDR": handshake.address,
        "wsgi.url_scheme": "https" if handshake.secure else "http",
    }
    if kind is not None:
        environ["innkeeper.kind"] = kind
    for name, value in handshake.headers:
        name = "HTTP_" + name.upper().replace("-", "_")
        environ[name] = f"{environ[name]},{value}" if name in environ else value
    return environ


def auth(sid):
    """What the client sent as `auth`; `None` without it, and without the capability `handshake:secrets`."""
    text = told(sockets.get_handshake, sid, ["auth"]).auth
    return None if text is None else json.loads(text)
