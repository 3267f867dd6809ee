"""The questions that offers answers: pure."""
