"""`shop doctor`: looks at every app and its sidecar, and says what is wrong, why it matters and what to do."""
