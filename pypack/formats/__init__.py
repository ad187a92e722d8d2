"""Tokens at rest in the formats of other libraries: written from a store, read into one."""
