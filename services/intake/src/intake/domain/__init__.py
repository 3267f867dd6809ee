"""What intake decides; nothing here reads a clock, a file or a database."""
