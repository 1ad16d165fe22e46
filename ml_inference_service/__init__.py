"""The fraud score of an order: a model, run by ONNX Runtime, beside the event loop."""
