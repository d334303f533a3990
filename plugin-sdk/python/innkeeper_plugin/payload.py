"""Arguments of events and acks: Python values on one side, JSON text with attachments on the other."""

import json

from wit_world.imports.types import Payload


def of_data(data):
    """The payload of what a handler emits or returns: a tuple is several arguments, `None` is none, anything else is one."""
    if data is None:
        return Payload("[]", [])
    return of_arguments(list(data) if isinstance(data, tuple) else [data])


def of_arguments(arguments):
    attachments = []

    def attach(value):
        if isinstance(value, (bytes, bytearray, memoryview)):
            attachments.append(bytes(value))
            return {"_placeholder": True, "num": len(attachments) - 1}
        raise TypeError(f"a {type(value).__name__} cannot be sent: it is neither JSON nor bytes")

    return Payload(to_json(arguments, attach), attachments)


def to_json(value, default=None):
    """The value as JSON."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False, default=default)


def arguments(payload):
    """The arguments in a payload, as a list."""
    attachments = payload.attachments
    if not attachments:
        return json.loads(payload.args)

    def attached(value):
        return attachments[value["num"]] if value.get("_placeholder") is True else value

    return json.loads(payload.args, object_hook=attached)


def data(payload):
    """The arguments as `call` returns them: none as `None`, one as it is, several as a tuple."""
    values = arguments(payload)
    return None if not values else values[0] if len(values) == 1 else tuple(values)
