"""The demonstration: a fictitious académie plays the whole job against the real services, and the result is compared with the truth."""
