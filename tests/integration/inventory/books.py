"""The books of the inventory-service in a healthy shop, and what breaks the rules over them."""

HEALTHY = """
    INSERT INTO inventory_service.products VALUES ('MUG', 'Mug', 500, 'EUR', 1);
    INSERT INTO inventory_service.stock VALUES ('MUG', 5);
    INSERT INTO inventory_service.stock_receipts (sku, quantity, kind) VALUES ('MUG', 10, 'seed');
    INSERT INTO inventory_service.reservations VALUES ('r1', 'done', 'reserve_stock', 'active', now(), NULL),
        ('r2', 'undone', 'reserve_stock', 'released', now(), now());
    INSERT INTO inventory_service.reservation_lines VALUES ('r1', 'MUG', 2), ('r2', 'MUG', 2);
    INSERT INTO inventory_service.reservations VALUES
        ('r3', 'settled', 'reserve_stock', 'settled', now(), NULL),
        ('r4', 'written', 'reserve_stock', 'written_off', now(), NULL);
    INSERT INTO inventory_service.reservation_lines VALUES ('r3', 'MUG', 2), ('r4', 'MUG', 1);
    INSERT INTO inventory_service.hand_closings VALUES
        ('settled', 'reserve_stock', 'settledreserve_stock', 'settled', 2, 'units', 'ann', 'why'),
        ('written', 'reserve_stock', 'writtenreserve_stock', 'written_off', 1, 'units', 'ann', 'why');
"""
BREAKS = {
    "stock_adds_up": "UPDATE inventory_service.stock SET available = available + 1",
    "stock_is_never_negative": "ALTER TABLE inventory_service.stock DROP CONSTRAINT stock_is_never_negative; "
    "UPDATE inventory_service.stock SET available = -1",
    "units_by_hand_are_booked": "DELETE FROM inventory_service.hand_closings WHERE saga_id = 'written'",
}
