"""What `shop new` writes."""
