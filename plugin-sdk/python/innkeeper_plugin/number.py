"""Numbers for the host. One that its parameter cannot hold would end the instance, so it is an error before."""

U32 = (1 << 32) - 1
#: The largest number that the contract uses, since JavaScript holds no larger one exactly.
LARGEST = (1 << 53) - 1


def whole(value, most=U32, least=0):
    """The whole number in these bounds."""
    number = int(value)
    if not least <= number <= most:
        raise ValueError(f"{value} is not between {least} and {most}")
    return number


def milliseconds(seconds, most=U32):
    """Seconds as the host counts them; `None` stays that."""
    return None if seconds is None else whole(seconds * 1000, most)
