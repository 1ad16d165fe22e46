"""The saga engine: steps with undo, three outcomes, patience, and nothing else. Pure: it only yields tasks."""
