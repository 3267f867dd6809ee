"""What the State publishes and intake checks against, by the day on which it was in force; README.md tells where it comes from."""
