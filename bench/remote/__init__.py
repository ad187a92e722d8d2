"""Stores behind a server, read through a cache."""
