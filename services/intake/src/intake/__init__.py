"""Intake: lists come in, the same person is recognised, and a dropout is found or withdrawn."""
