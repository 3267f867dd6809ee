"""Benchmarks: what the chassis costs, each beside what a team would use instead, measured in turns on the same machine and servers."""
