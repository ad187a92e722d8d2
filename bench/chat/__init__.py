"""Conversations to a store, beside `datasets.map`."""
