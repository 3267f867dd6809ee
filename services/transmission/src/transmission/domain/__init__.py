"""What transmission decides: pure, without clock, chance or input."""
