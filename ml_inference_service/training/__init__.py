"""Makes the model: `python -m ml_inference_service.training`. Needs the dev dependencies; serving doesn't."""
