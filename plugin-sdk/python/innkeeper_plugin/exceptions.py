"""Failures: those that a handler raises for its client, and those that the host answers."""

import json

from componentize_py_types import Err


class SocketIOError(Exception):
    """The base of the exceptions of this package."""


class Failure(SocketIOError):
    """What went wrong, with a code that programs can compare.

    Raised by a handler, it is what the client gets. Raised by a function of this package, it is what the host refused or could
    not do; the contract lists its codes.
    """

    def __init__(self, message, code="", data=None):
        super().__init__(message)
        self.message = message
        self.code = code
        self.data = data


class ConnectionRefusedError(SocketIOError):
    """Raised by a `connect` handler: the client gets a connect error with the message, and the other arguments as its data."""

    def __init__(self, *args):
        super().__init__(*args)
        self.message = str(args[0]) if args else "Connection rejected by server"
        self.data = None if len(args) < 2 else args[1] if len(args) == 2 else args[1:]


class TimeoutError(Failure):
    """No answer in time."""


class DisconnectedError(Failure):
    """The socket disconnected before its client answered."""


KINDS = {"timeout": TimeoutError, "disconnected": DisconnectedError}


def told(function, *args):
    """Calls a function of the host; its failure is raised as an exception of this package."""
    try:
        return function(*args)
    except Err as error:
        raise of_host(error.value) from None


def of_host(failure):
    """The exception for a failure of the contract."""
    data = None if failure.data is None else json.loads(failure.data)
    return KINDS.get(failure.code, Failure)(failure.message, failure.code, data)
