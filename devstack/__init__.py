"""The local stack: one description of its processes, and what finds, builds, starts, watches and stops them."""
