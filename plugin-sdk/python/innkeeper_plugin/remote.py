"""Sockets as `fetch_sockets` finds them, on whatever node they are."""

import json
from dataclasses import dataclass

from wit_world.imports import sockets


@dataclass
class RemoteSocket:
    id: str
    rooms: list
    data: dict


def take_sockets(ticket):
    """All pages of an answer."""
    found, more = [], True
    while more:
        page = sockets.fetched(ticket, 10_000)
        found += [RemoteSocket(each.id, each.rooms, json.loads(each.data or "{}")) for each in page.sockets]
        more = page.more
    return found
