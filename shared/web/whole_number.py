"""Whole numbers as others write them: in queries and headers."""


def whole_number(written: str, lowest: int, highest: int) -> int | None:
    """The number; None if it isn't one from `lowest` to `highest`, or has more digits than `highest`.

    `lowest` isn't negative. The digits are counted first, since `int` raises for thousands of them.
    """
    if not (written.isascii() and written.isdigit() and len(written) <= len(str(highest))):
        return None
    number = int(written)
    return number if lowest <= number <= highest else None
