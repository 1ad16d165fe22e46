"""Programs that only tests need, built once from `runtime/` and kept beside the Dapr runtime."""
