"""The event loop of an instance.

It has no thread and never blocks: what is ready runs while the host is in the plugin, and then the host goes on. A timer is a
ticket of the host. What is left when nothing is ready waits for `wake`.
"""

import asyncio
import collections
import sys
import time
from asyncio import events

from wit_world.imports import calls, timers

from . import log
from .exceptions import told
from .number import LARGEST


class Timer(asyncio.TimerHandle):
    """A timer, and its ticket, if it is not due at once."""

    __slots__ = ("ticket",)

    def __init__(self, when, callback, args, loop, context):
        super().__init__(when, callback, args, loop, context)
        self.ticket = None


class Loop(asyncio.AbstractEventLoop):
    def __init__(self):
        self._ready = collections.deque()
        # By their tickets: timers that are to come, and what to do when a question is answered.
        self._timers = {}
        self._waiting = {}
        self._out_of_memory = None

    def entered(self, function, *args):
        """Calls the function inside the loop, runs all that is ready afterwards, and returns what the function returned."""
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(finalizer=self._close_generator)
        events._set_running_loop(self)
        try:
            result = function(*args)
            self._run()
            if self._out_of_memory:
                # As with a handler's: the host shall make a new instance.
                raise self._out_of_memory
            return result
        finally:
            events._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)

    def _run(self):
        ready = self._ready
        while ready:
            handle = ready.popleft()
            if handle.cancelled():
                continue
            try:
                handle._run()
            except (SystemExit, KeyboardInterrupt) as error:
                # The task that raised it has failed with it. There is no program that could end.
                log.failed("a task ended the program", error)
            # A traceback keeps this frame, and would keep the task that failed: nobody would be told of it.
            handle = None

    def when_answered(self, ticket, callback):
        """Calls the function, once, in the entry in which the host reports this ticket."""
        self._waiting[ticket] = callback

    def take_back(self, ticket):
        """Cancels a question that nobody waits for any more."""
        if self._waiting.pop(ticket, None) is not None:
            calls.cancel(ticket)

    def answered(self, tickets):
        """The host reports these tickets."""
        for ticket in tickets:
            timer = self._timers.pop(ticket, None)
            if timer is not None:
                self._ready.append(timer)
                continue
            callback = self._waiting.pop(ticket, None)
            if callback is not None:
                callback()

    def time(self):
        return time.monotonic()

    def call_soon(self, callback, *args, context=None):
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    # There are no threads.
    call_soon_threadsafe = call_soon

    def call_later(self, delay, callback, *args, context=None):
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        timer = Timer(when, callback, args, self, context)
        delay_ms = int((when - self.time()) * 1000 + 0.999)
        if delay_ms <= 0:
            self._ready.append(timer)
        else:
            timer.ticket = told(timers.ask_sleep, min(delay_ms, LARGEST))
            self._timers[timer.ticket] = timer
        return timer

    def _timer_handle_cancelled(self, timer):
        if self._timers.pop(timer.ticket, None) is not None:
            calls.cancel(timer.ticket)

    def create_future(self):
        return asyncio.Future(loop=self)

    def create_task(self, coroutine, **options):
        return asyncio.Task(coroutine, loop=self, **options)

    def _close_generator(self, generator):
        self.call_soon(self.create_task, generator.aclose())

    def is_running(self):
        return events._get_running_loop() is self

    def is_closed(self):
        return False

    def get_debug(self):
        return False

    def call_exception_handler(self, context):
        error = context.get("exception")
        if isinstance(error, MemoryError):
            self._out_of_memory = error
        else:
            log.failed(context["message"], error)
