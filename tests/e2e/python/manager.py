"""python-socketio's manager that only writes, told by lines of JSON what to do."""

import base64
import json
import sys

import socketio

manager = socketio.RedisManager(sys.argv[1], channel=sys.argv[2], write_only=True)


def revive(value):
    """Binary comes as {"$binary": base64}."""
    if isinstance(value, list):
        return [revive(inner) for inner in value]
    if isinstance(value, dict):
        if "$binary" in value:
            return base64.b64decode(value["$binary"])
        return {key: revive(inner) for key, inner in value.items()}
    return value


for line in sys.stdin:
    command = json.loads(line)
    method = command.pop("method")
    if method == "emit":
        data = revive(command.pop("data", None))
        command["data"] = tuple(data) if command.pop("tuple", False) else data
    getattr(manager, method)(**command)
    print("done", flush=True)
