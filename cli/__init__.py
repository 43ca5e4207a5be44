"""`routeplex`: the platform from a terminal, over its API; nothing of the server is imported here."""
