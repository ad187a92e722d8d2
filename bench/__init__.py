"""Benchmarks, each in a folder of its own; `python bench` lists them, README.md says what they measure."""
