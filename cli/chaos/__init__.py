"""`shop chaos`: a seeded schedule of faults on a stack of its own, under load, and what came of it."""
