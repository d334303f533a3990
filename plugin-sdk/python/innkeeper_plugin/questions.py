"""Questions to the host: each is asked at once, and awaited until the host reports that its answer is there."""

import asyncio

from .exceptions import told


def ask(function, *args, take):
    """A future for the answer to a question. `function` returns its ticket, `take` takes the answer."""
    loop = asyncio.get_running_loop()
    ticket = told(function, *args)
    future = loop.create_future()

    def answered():
        try:
            future.set_result(told(take, ticket))
        except Exception as error:
            future.set_exception(error)

    def ended(future):
        if future.cancelled():
            loop.take_back(ticket)

    loop.when_answered(ticket, answered)
    future.add_done_callback(ended)
    return future
