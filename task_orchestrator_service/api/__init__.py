"""The task-orchestrator-service's HTTP API."""
