"""Dapr's own files, made from topology and registry."""
