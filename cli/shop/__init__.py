"""Commands for the shop: orders, tasks, repairs, events."""
