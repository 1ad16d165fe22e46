"""What a cluster gets."""
