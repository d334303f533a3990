"""Lines in the host's log."""

import traceback

from wit_world.imports import log

from .text import text


def write(level, message, **fields):
    """Writes a line; `level` is `error`, `warn`, `info`, `debug` or `trace`."""
    log.write(text(str(level)), text(str(message)), [(name, text(str(value))) for name, value in fields.items()])


def failed(what, error=None):
    """Writes what failed, with the traceback."""
    told = "".join(traceback.format_exception(error)) if error else ""
    log.write("error", text(f"{what}\n{told}".rstrip()), [])
