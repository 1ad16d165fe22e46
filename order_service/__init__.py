"""Takes orders over HTTP and carries each through its saga."""
