"""An exported model in a real server: what to copy, and what it does under load."""
