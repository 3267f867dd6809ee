"""What offers shows: one question, one file; pure."""
