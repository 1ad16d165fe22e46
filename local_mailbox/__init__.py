"""The outside world of a local stack: takes its e-mail and its push messages, and shows them."""
