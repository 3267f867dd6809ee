"""Offers: what a young person can be referred to, and what became of it."""
