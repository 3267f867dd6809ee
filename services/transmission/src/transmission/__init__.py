"""Transmission: to whom coordinates are owed by law, and what was sent, encrypted, to each."""
