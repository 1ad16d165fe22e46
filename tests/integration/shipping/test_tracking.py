"""Tracking numbers tell a mistyped digit from a parcel."""

import pytest

from shipping_service.tracking import check_digit, is_tracking_number, new_tracking_number


def test_check_digit_is_luhns() -> None:
    """The example of ISO/IEC 7812-1's annex on the formula, and the number of a well-known test card."""
    assert check_digit("7992739871") == "3"
    assert check_digit("411111111111111") == "1"


def test_every_mistyped_digit_is_caught() -> None:
    number = new_tracking_number()
    assert is_tracking_number(number)
    wrong = [
        number[:place] + digit + number[place + 1 :]
        for place in range(3, len(number))
        for digit in "0123456789"
        if digit != number[place]
    ]

    assert not any(is_tracking_number(text) for text in wrong)


@pytest.mark.parametrize("text", ["", "SHP", "SHP42", "DHL0000000000000", "SHP00000000000000", "SHP000000000000²"])
def test_what_has_another_shape_is_none(text: str) -> None:
    assert not is_tracking_number(text)
