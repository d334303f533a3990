"""Text for the host. It takes no lone surrogates, which JSON and Python allow in a string, and which would end the instance."""

import re

SURROGATE = re.compile("[\ud800-\udfff]")


def well_formed(value):
    """The text, or the texts of a list, with U+FFFD in place of lone surrogates, as `toWellFormed` of JavaScript; else the value."""
    if isinstance(value, str) and not value.isascii():
        return SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [well_formed(each) for each in value]
    return value
