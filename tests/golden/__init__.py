"""The golden wire format: the JSON schemas of all messages, as the participants out there know them."""
