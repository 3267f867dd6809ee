"""Faults on real processes, a real Kafka and a real PostgreSQL; what must hold afterwards is asked by other means than the code's."""
