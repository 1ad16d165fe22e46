"""Commands for the stack and its processes."""
