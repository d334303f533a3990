"""Memory that all sockets share, as in a process of Python."""

from innkeeper_plugin import AsyncNamespace

count = 0
users = {}


class Counting(AsyncNamespace):
    async def on_login(self, sid, name):
        global count
        users[sid] = name
        count += 1
        await self.emit("count", (count, len(users)), to="watching")
        return count

    async def on_leave(self, sid):
        global count
        del users[sid]
        count -= 1
        await self.emit("count", (count, len(users)), to="watching")
        return count

    def on_users(self, sid):
        return sorted(users.values()), count


def forget(sid):
    """A socket has disconnected."""
    global count
    if users.pop(sid, None) is not None:
        count -= 1
