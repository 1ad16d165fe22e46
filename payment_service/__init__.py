"""Takes and gives back the customers' money, and keeps the shop's ledger of it."""
