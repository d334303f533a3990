"""Sockets as `fetch_sockets` finds them, on whatever node they are."""

import json
from dataclasses import dataclass

from wit_world.imports import sockets


@dataclass
class RemoteSocket:
    """A socket, as far as it was asked for."""

    id: str
    rooms: list
    data: dict
    query: dict


def take_sockets(ticket):
    """All pages of an answer."""
    found, more = [], True
    while more:
        page = sockets.fetched(ticket, 10_000)
        found += [of_page(each) for each in page.sockets]
        more = page.more
    return found


def of_page(socket):
    query = dict(socket.handshake.query) if socket.handshake else {}
    return RemoteSocket(socket.id, socket.rooms, json.loads(socket.data or "{}"), query)
