"""Activity 'book_shipment' not found on app 'shipping-service', and its kin."""

import pytest

from cli.doctor.evidence import Kind
from shared.shop.order import ORDER_SERVICE
from shared.shop.shipping import SHIPPING_SERVICE
from tests.e2e.doctor.doctor_shop import DoctorShop
from tests.e2e.doctor.other_shipping import MISSPELT

OTHER_SHIPPING = "tests.e2e.doctor.other_shipping"


def test_a_misspelt_activity(doctor_shop: DoctorShop) -> None:
    """The finding names app and activity, and what is there instead."""
    with doctor_shop.service_of(SHIPPING_SERVICE, OTHER_SHIPPING, OTHER_SHIPPING="misspelling"):
        finding = doctor_shop.finds(Kind.ACTIVITY_MISSING, SHIPPING_SERVICE, activity="book_shipment")

    assert f"'{MISSPELT}'" in finding.to_do


@pytest.mark.exhaustive
def test_a_workflow_under_another_name(doctor_shop: DoctorShop) -> None:
    with doctor_shop.service_of(ORDER_SERVICE, "tests.e2e.doctor.orders_without_recovery"):
        finding = doctor_shop.finds(Kind.WORKFLOW_MISSING, ORDER_SERVICE, activity="order_recovery_workflow")

    assert "'order_recovery'" in finding.to_do


@pytest.mark.exhaustive
def test_an_activity_that_answers_nothing(doctor_shop: DoctorShop) -> None:
    """Everything is there and registered; the call itself shows it."""
    with doctor_shop.service_of(SHIPPING_SERVICE, OTHER_SHIPPING, OTHER_SHIPPING="hanging"):
        finding = doctor_shop.finds(Kind.CALL_FAILED, SHIPPING_SERVICE, activity="book_shipment")

    assert "no answer within 5 s" in finding.seen
