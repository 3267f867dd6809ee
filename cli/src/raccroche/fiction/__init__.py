"""A fictitious académie with known answers: lists as establishments send them, and the truth that a system must find in them."""

from raccroche.fiction.fiction import Fiction, ListFile, generate, truth_document

__all__ = ["Fiction", "ListFile", "generate", "truth_document"]
