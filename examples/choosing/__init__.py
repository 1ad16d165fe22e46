"""Direct HTTP, pub/sub, multi-app workflow: the same small job done by another app in each of the three ways."""
