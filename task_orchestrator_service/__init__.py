"""Tasks: pick and pack what was ordered, and tell those concerned (app id task-orchestrator-service)."""
