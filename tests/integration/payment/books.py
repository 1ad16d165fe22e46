"""The books of payment-service and gateway in a healthy shop, and what breaks the rules over them."""

HEALTHY = """
    INSERT INTO payment_service.ledger_entries
            (transaction_id, saga_id, step, kind, account, amount_cents, currency) VALUES
        ('t1', 'done', 'process_payment', 'charge', 'gateway_clearing', 1000, 'EUR'),
        ('t1', 'done', 'process_payment', 'charge', 'customer_orders', -1000, 'EUR'),
        ('t2', 'undone', 'process_payment', 'charge', 'gateway_clearing', 1000, 'EUR'),
        ('t2', 'undone', 'process_payment', 'charge', 'customer_orders', -1000, 'EUR'),
        ('t3', 'undone', 'process_payment', 'refund', 'gateway_clearing', -1000, 'EUR'),
        ('t3', 'undone', 'process_payment', 'refund', 'customer_orders', 1000, 'EUR'),
        ('t4', 'settled', 'process_payment', 'charge', 'gateway_clearing', 1000, 'EUR'),
        ('t4', 'settled', 'process_payment', 'charge', 'customer_orders', -1000, 'EUR'),
        ('t5', 'settled', 'process_payment', 'refund', 'gateway_clearing', -300, 'EUR'),
        ('t5', 'settled', 'process_payment', 'refund', 'customer_orders', 300, 'EUR'),
        ('t6', 'settled', 'process_payment', 'settlement', 'customer_orders', 700, 'EUR'),
        ('t6', 'settled', 'process_payment', 'settlement', 'settled_by_hand', -700, 'EUR'),
        ('t7', 'written', 'process_payment', 'charge', 'gateway_clearing', 1000, 'EUR'),
        ('t7', 'written', 'process_payment', 'charge', 'customer_orders', -1000, 'EUR'),
        ('t8', 'written', 'process_payment', 'write_off', 'customer_orders', 1000, 'EUR'),
        ('t8', 'written', 'process_payment', 'write_off', 'written_off', -1000, 'EUR');
    INSERT INTO payment_service.hand_closings VALUES
        ('settled', 'process_payment', 'settledprocess_payment', 'settled', 700, 'EUR', 'ann', 'why'),
        ('written', 'process_payment', 'writtenprocess_payment', 'written_off', 1000, 'EUR', 'ann', 'why');
    INSERT INTO payment_gateway.charges
            (idempotency_key, charge_id, reference, status, amount_cents, currency, token, captured_cents,
             refunded_cents) VALUES
        ('done:process_payment', 'c1', 'done', 'succeeded', 1000, 'EUR', 'tok_visa', 1000, 0),
        ('undone:process_payment', 'c2', 'undone', 'succeeded', 1000, 'EUR', 'tok_visa', 1000, 1000),
        ('settled:process_payment', 'c4', 'settled', 'succeeded', 1000, 'EUR', 'tok_visa', 1000, 300),
        ('written:process_payment', 'c5', 'written', 'succeeded', 1000, 'EUR', 'tok_visa', 1000, 0);
"""
BREAKS = {
    "ledger_balances": "UPDATE payment_service.ledger_entries SET amount_cents = -999 "
    "WHERE transaction_id = 't1' AND account = 'customer_orders'",
    "money_by_hand_is_booked": "UPDATE payment_service.hand_closings SET amount = 699 WHERE saga_id = 'settled'",
}
