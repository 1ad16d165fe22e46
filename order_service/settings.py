"""What the order-service reads from its environment."""

from pydantic import Field

from order_service.approval.terms import Switch
from order_service.conservation.check import PACK_SECONDS
from shared.service.settings import ServiceSettings
from shared.shop.approval import WhenAway
from shared.shop.countries import SERVED, Countries


class OrderSettings(ServiceSettings):
    """As every service, where inventory and the auditor's database are, and how long an order may take.

    `shop_order_deadline_seconds`: an order that isn't completed by then is undone, unless it names another deadline.
    `shop_undo_patience_seconds`: how long each compensation is tried before a person is asked.
    `shop_workflow_retention_seconds`: how long finished workflows stay in the state store; `shop_late_result_seconds`:
    how long those with a step that had no answer, whose activity may still run.

    The reconciler looks every `shop_reconcile_seconds` for orders without a living workflow, and every
    `shop_reconcile_audit_seconds` for effects without an order. Orders younger than `shop_reconcile_grace_seconds` are
    let alone; a workflow must be gone for `shop_reconcile_confirm_seconds` before its order is recovered; an order is
    stuck `shop_stuck_margin_seconds` after its deadline and the patience of all its undos. If a person's decision isn't
    carried out after `shop_reconcile_decision_seconds`, the order's workflow is asked whether it still takes events.

    `shop_pack_seconds`: how long after its completion an order that isn't packed breaks a rule of conservation, where
    tasks are installed. `shipping_countries`: where parcels go, as the shipping-service has it. `shop_mail_utf8`: the
    mail server takes addresses with letters beyond ASCII before the @ (SMTPUTF8).

    With `shop_fraud_check` on, every order is scored by the ml-inference-service, and from `shop_fraud_threshold` on a
    person has `shop_approval_seconds` to approve it; `shop_fraud_when_away` says what becomes of it without a score.
    """

    inventory_url: str
    shipping_countries: Countries = SERVED
    shop_mail_utf8: bool = False
    auditor_database_url: str
    shop_order_deadline_seconds: float = Field(default=300.0, gt=0)
    shop_undo_patience_seconds: float = Field(default=1800.0, gt=0)
    shop_workflow_retention_seconds: float = Field(default=3600.0, gt=0)
    shop_late_result_seconds: float = Field(default=86_400.0, gt=0)
    shop_reconcile_seconds: float = Field(default=15.0, gt=0)
    shop_reconcile_audit_seconds: float = Field(default=60.0, gt=0)
    shop_reconcile_grace_seconds: float = Field(default=60.0, ge=0)
    shop_reconcile_confirm_seconds: float = Field(default=45.0, ge=0)
    shop_reconcile_decision_seconds: float = Field(default=180.0, gt=0)
    shop_stuck_margin_seconds: float = Field(default=300.0, gt=0)
    shop_pack_seconds: float = Field(default=PACK_SECONDS, gt=0)
    shop_fraud_check: Switch = Switch.OFF
    shop_fraud_threshold: float = Field(default=0.5, ge=0, le=1)
    shop_fraud_when_away: WhenAway = WhenAway.PASS
    shop_approval_seconds: float = Field(default=86_400.0, gt=0)
