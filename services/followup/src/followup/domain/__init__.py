"""What is decided about a case: pure."""
