"""Activity 'book_shipment' not found on app 'shipping-service', and its kin."""

import pytest

from cli.doctor.finding import Kind
from shared.shop.order import ORDER_SERVICE
from shared.shop.shipping import SHIPPING_SERVICE
from tests.e2e.doctor.clinic import Clinic
from tests.e2e.doctor.other_shipping import MISSPELT

OTHER_SHIPPING = "tests.e2e.doctor.other_shipping"


def test_a_misspelt_activity(clinic: Clinic) -> None:
    """The finding names app and activity, and what is there instead."""
    with clinic.service_of(SHIPPING_SERVICE, OTHER_SHIPPING, OTHER_SHIPPING="misspelling"):
        finding = clinic.finds(Kind.ACTIVITY_MISSING, SHIPPING_SERVICE, activity="book_shipment")

    assert f"'{MISSPELT}'" in finding.to_do


@pytest.mark.exhaustive
def test_a_workflow_under_another_name(clinic: Clinic) -> None:
    with clinic.service_of(ORDER_SERVICE, "tests.e2e.doctor.orders_without_recovery"):
        finding = clinic.finds(Kind.WORKFLOW_MISSING, ORDER_SERVICE, activity="order_recovery_workflow")

    assert "'order_recovery'" in finding.to_do


@pytest.mark.exhaustive
def test_an_activity_that_answers_nothing(clinic: Clinic) -> None:
    """Everything is there and registered; the call itself tells."""
    with clinic.service_of(SHIPPING_SERVICE, OTHER_SHIPPING, OTHER_SHIPPING="hanging"):
        finding = clinic.finds(Kind.CALL_FAILED, SHIPPING_SERVICE, activity="book_shipment")

    assert "no answer within 5 s" in finding.seen
