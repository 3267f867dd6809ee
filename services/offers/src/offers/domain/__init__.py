"""What offers decides: pure."""
