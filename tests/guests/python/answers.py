"""Acks and failures."""

import asyncio
import json
import random
import re
import secrets

from server import sio


class OutOfStock(Exception):
    code = "OUT_OF_STOCK"
    data = {"item": 7}


class Later(Exception):
    code = "LATER"


@sio.event
def echo(sid, value):
    return value


@sio.on("echo-all")
def echo_all(sid, *args):
    return args


@sio.on("echo-async")
async def echo_async(sid, value):
    await asyncio.sleep(0)
    return value


@sio.event
def nothing(sid):
    pass


@sio.event
async def throw(sid):
    await sio.emit("kept", to=sid)
    raise OutOfStock("out of stock")


@sio.on("throw-later")
async def throw_later(sid):
    await asyncio.sleep(0.005)
    await sio.emit("kept", to=sid)
    raise Later("later")


class Said(Exception):
    def __init__(self, text):
        super().__init__(text)
        self.code = text


@sio.on("throw-text")
def throw_text(sid, text):
    raise Said(text)


@sio.event
def unsendable(sid):
    return {"a set": {1}}


@sio.event
async def reserved(sid):
    try:
        await sio.emit("connect", to=sid)
    except Exception as error:
        return error.code


@sio.event
def exits(sid):
    raise SystemExit("no program could end")


@sio.event
def binary(sid, value):
    return {"bytes": bytes(byte + 1 for byte in value["bytes"]), "length": len(value["bytes"])}


@sio.event
def draw(sid):
    return random.random(), secrets.token_hex(8)


@sio.on("*")
def other(event, sid, *args):
    return {"other": event, "args": args}


#: What real work is for the benchmark: a form of 2 kB, checked field by field.
FIELDS = {
    "name": lambda value: isinstance(value, str) and re.fullmatch(r"[^\W\d_ '-][\w '-]{0,79}", value),
    "email": lambda value: isinstance(value, str) and re.fullmatch(r"[^@\s]+@[^@\s]+\.[a-z]{2,}", value, re.IGNORECASE),
    "age": lambda value: isinstance(value, int) and 0 <= value < 150,
    "tags": lambda value: len(value) <= 50 and all(isinstance(tag, str) and len(tag) <= 40 for tag in value),
    "items": lambda value: all(item["id"] > 0 and item["price"] >= 0 and isinstance(item["count"], int) for item in value),
    "note": lambda value: isinstance(value, str) and len(value) <= 2_000,
}


@sio.event
def validate(sid, text):
    form = json.loads(text)
    wrong = [name for name, is_right in FIELDS.items() if not is_right(form.get(name))]
    return {"wrong": wrong, "total": sum(item["price"] * item["count"] for item in form["items"])}
