"""Text for the host. Anything else in its place, and a lone surrogate, which JSON and Python allow in a string, would end the instance."""

import re

SURROGATE = re.compile("[\ud800-\udfff]")


def text(value):
    """The text, with U+FFFD in place of lone surrogates, as `toWellFormed` of JavaScript. What is no text is an error."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value if value.isascii() else SURROGATE.sub("\ufffd", value)


def texts(value):
    """One text or several, as a list; `None` is no text."""
    if value is None:
        return []
    return [text(each) for each in value] if isinstance(value, (list, tuple, set)) else [text(value)]
