"""The service host: runs a service's activities, its HTTP surface and its life cycle, the same way in all of them."""
