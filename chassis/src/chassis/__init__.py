"""The microservice chassis: event store, relay, consumer, projections, timers, keyring, callers. No business word in it."""
