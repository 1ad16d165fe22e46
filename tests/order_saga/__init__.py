"""The shop side of `saga_testing`: its orders, its usual answers, its matrix."""
