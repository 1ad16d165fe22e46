"""Tasks: pick and pack what was ordered, and notify those concerned (app id task-orchestrator-service)."""
