"""Calls of the host: each begins in its own entry, and ends there or in a later one."""

import asyncio
import inspect

from wit_world.imports import calls
from wit_world.imports.types import Failure, Outcome_Done, Outcome_Failed, Outcome_Waiting
from wit_world.imports.types import Verdict_Failed, Verdict_Pass, Verdict_Reject, Verdict_Waiting

from . import exceptions, log, payload
from .text import text

#: What a handler may raise. There is no program that could end, and no task that waits for the handler's.
FAILURES = (Exception, asyncio.CancelledError, SystemExit, KeyboardInterrupt)


class Handler:
    """A call of a handler: it ends with an outcome, and what the handler returned is the ack."""

    waiting = Outcome_Waiting
    settle = staticmethod(calls.settle)

    @staticmethod
    def ended(result):
        return Outcome_Done(payload.of_data(result))

    @staticmethod
    def failed(error):
        return Outcome_Failed(failure(error))


class Quiet(Handler):
    """A call whose result nobody gets: of a hook, or for a socket that is connected already."""

    @staticmethod
    def ended(result):
        return Outcome_Done(None)


class Connect:
    """A call of a `connect` handler: it ends with a verdict, and `False` refuses the socket."""

    waiting = Verdict_Waiting
    settle = staticmethod(calls.settle_verdict)

    @staticmethod
    def ended(result):
        return Verdict_Pass() if result is not False else Verdict_Reject(failure(exceptions.ConnectionRefusedError()))

    @staticmethod
    def failed(error):
        is_refusal = isinstance(error, exceptions.ConnectionRefusedError)
        return (Verdict_Reject if is_refusal else Verdict_Failed)(failure(error))


def run(loop, kind, call, handler, *args):
    """One entry: how the call has ended, or that it waits; then it is settled in a later entry."""
    begun = loop.entered(begin, kind, handler, *args)
    if not isinstance(begun, asyncio.Task):
        return begun
    if begun.done():
        return end(kind, begun)
    begun.add_done_callback(lambda task: kind.settle(call, end(kind, task)))
    return kind.waiting()


def begin(kind, handler, *args):
    """Calls the handler: how the call has ended, or the task that goes on with it."""
    try:
        result = handler(*args)
        if not inspect.iscoroutine(result):
            return kind.ended(result)
        # The task takes its first steps here and now, so that handlers start in the order of their calls.
        return asyncio.Task(result, loop=asyncio.get_running_loop(), eager_start=True)
    except FAILURES as error:
        return failed(kind, error)


def end(kind, task):
    """How the call of a task that is done has ended."""
    try:
        return kind.ended(task.result())
    except FAILURES as error:
        return failed(kind, error)


def failed(kind, error):
    if isinstance(error, MemoryError):
        # What fills the memory may be kept for ever. Out of an export, the exception ends this instance, and the host makes a new one.
        raise error
    if isinstance(error, (SystemExit, KeyboardInterrupt)):
        error = RuntimeError(f"{type(error).__name__}: {error}").with_traceback(error.__traceback__)
    # Who gave it a code meant it for the client.
    if not isinstance(error, exceptions.SocketIOError) and not isinstance(getattr(error, "code", None), str):
        log.failed("a handler failed", error)
    return kind.failed(error)


def failure(error):
    """An exception as the client gets it: its text and, if it has them, its `code` and its `data`."""
    code, data = getattr(error, "code", ""), getattr(error, "data", None)
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    try:
        data = None if data is None else payload.to_json(data)
    except (TypeError, ValueError):
        data = None
    return Failure(text(code) if isinstance(code, str) else "", text(str(message)), data)
