"""Followup: the accompanied way from a dropout to its outcome."""
