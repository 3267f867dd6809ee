"""The questions that intake answers from its own topic."""
