"""How Tilt runs the processes."""
