"""The questions that followup answers: pure."""
