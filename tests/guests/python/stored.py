"""The store and the limits of rate."""

import asyncio

from innkeeper_plugin import Bucket, RateLimit
from server import sio

bucket = Bucket("python")
limit = RateLimit(points=2, window=60)


@sio.on("store")
async def keep(sid, key, value):
    before = await bucket.get(key)
    await bucket.set(key, value)
    after = await bucket.get(key)
    return {"before": before, "after": after, "visits": await bucket.increment(f"{key}:visits")}


@sio.event
async def add(sid, key, by):
    return await bucket.increment(key, by)


@sio.event
async def swap(sid, key, expected, value):
    return await bucket.compare_and_swap(key, expected, value)


@sio.event
async def scan(sid, prefix):
    return await bucket.scan(prefix)


@sio.event
async def delete(sid, key):
    return [await bucket.delete(key), await bucket.delete(key)]


@sio.event
async def denied(sid):
    try:
        return await Bucket("other").get("x")
    except Exception as error:
        return {"code": error.code}


@sio.event
async def consume(sid, key):
    decisions = await asyncio.gather(*(limit.consume(key) for _ in range(3)))
    return [decision.allowed for decision in decisions]
