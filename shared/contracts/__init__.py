"""What one app asks of another: contracts and the messages of every saga. It knows no shop."""
