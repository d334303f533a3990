"""The server on which the other modules register their handlers."""

from innkeeper_plugin import AsyncServer

sio = AsyncServer(capabilities=["store:python", "rate-limit"])
