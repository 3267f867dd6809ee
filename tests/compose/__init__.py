"""The system in containers: a demonstration through kills and an upgrade, and troubles that must be told clearly and mended."""
