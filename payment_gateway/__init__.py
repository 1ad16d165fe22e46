"""A small payment gateway: another company, as far as the shop is concerned."""
