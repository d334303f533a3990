"""Plugins for Innkeeper in Python, with the API of python-socketio's asynchronous server."""

from . import exceptions, log
from .exceptions import ConnectionRefusedError, DisconnectedError, Failure, TimeoutError
from .exports import export
from .namespace import AsyncNamespace
from .rate_limit import RateLimit
from .remote import RemoteSocket
from .server import AsyncServer
from .store import Bucket

__all__ = [
    "AsyncNamespace",
    "AsyncServer",
    "Bucket",
    "ConnectionRefusedError",
    "DisconnectedError",
    "Failure",
    "RateLimit",
    "RemoteSocket",
    "TimeoutError",
    "exceptions",
    "export",
    "log",
]
