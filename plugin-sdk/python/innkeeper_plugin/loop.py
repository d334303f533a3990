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


class Loop(asyncio.AbstractEventLoop):
    def __init__(self):
        self._ready = collections.deque()
        # What to do when a ticket is answered, and the tickets of the timers that are still to come.
        self._waiting = {}
        self._timers = {}
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
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        delay_ms = int((when - self.time()) * 1000 + 0.999)
        if delay_ms <= 0:
            self._ready.append(handle)
        else:
            ticket = timers.ask_sleep(delay_ms)
            self._timers[handle] = ticket
            self.when_answered(ticket, lambda: self._due(handle))
        return handle

    def _due(self, handle):
        del self._timers[handle]
        self._ready.append(handle)

    def _timer_handle_cancelled(self, handle):
        ticket = self._timers.pop(handle, None)
        if ticket is not None:
            self.take_back(ticket)

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
