"""HTTP: problems, bodies, paging, OpenAPI."""
