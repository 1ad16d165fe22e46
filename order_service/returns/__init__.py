"""What was given back of completed orders."""
