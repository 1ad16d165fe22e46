"""The inventory: what the shop sells, how much of it is there, and who has set some aside."""
