"""What a service needs that accepts work durably: it starts workflows, shows them, and removes what is over."""
