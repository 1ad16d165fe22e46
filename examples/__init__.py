"""Small programs that show one thing each; they run beside the shop's own infrastructure."""
