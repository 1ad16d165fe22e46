"""How the evidence is collected: over HTTP, from each app's service and sidecar."""
