"""The books of the shipping-service in a healthy shop, and what breaks the rules over them."""

HEALTHY = """
    INSERT INTO shipping_service.shipments VALUES
        ('s1', 'done', 'book_shipment', 'T1', 'A', 'B', 'C', '1', 'DE', '[]', 'booked', now(), NULL),
        ('s2', 'undone', 'book_shipment', 'T2', 'A', 'B', 'C', '1', 'DE', '[]', 'cancelled', now(), now()),
        ('s5', 'settled', 'book_shipment', 'T5', 'A', 'B', 'C', '1', 'DE', '[]', 'settled', now(), NULL),
        ('s6', 'written', 'book_shipment', 'T6', 'A', 'B', 'C', '1', 'DE', '[]', 'written_off', now(), NULL);
    INSERT INTO shipping_service.hand_closings VALUES
        ('settled', 'book_shipment', 'settledbook_shipment', 'settled', 1, 'parcels', 'ann', 'why'),
        ('written', 'book_shipment', 'writtenbook_shipment', 'written_off', 1, 'parcels', 'ann', 'why');
"""
BREAKS = {
    "parcels_by_hand_are_booked": "UPDATE shipping_service.shipments SET status = 'written_off' "
    "WHERE shipment_id = 's5'",
}
