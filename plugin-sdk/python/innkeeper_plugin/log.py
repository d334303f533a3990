"""Lines in the host's log."""

import traceback

from wit_world.imports import log

from .text import well_formed


def write(level, message, **fields):
    """Writes a line; `level` is `error`, `warn`, `info`, `debug` or `trace`."""
    log.write(well_formed(level), well_formed(message), [(name, well_formed(str(value))) for name, value in fields.items()])


def failed(what, error=None):
    """Writes what failed, with the traceback."""
    text = "".join(traceback.format_exception(error)) if error else ""
    log.write("error", well_formed(f"{what}\n{text}".rstrip()), [])
