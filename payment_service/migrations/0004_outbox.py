"""Events of payments."""

from shared.migrations.outbox import create_outbox, tell_of_the_past

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_outbox("payment_service")
    tell_of_the_past(
        """
        SELECT 'payment.processed', saga_id, 1, jsonb_build_object(
            'order_id', saga_id, 'payment_id', payment_id, 'amount_cents', amount_cents, 'currency', currency)
        FROM payments JOIN saga_steps USING (saga_id, step)
        WHERE saga_steps.answer IS NOT NULL AND saga_steps.state IN ('done', 'undoing')
        """
    )
