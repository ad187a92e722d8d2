"""Selections, orders and repeats: what they cost beside a whole store."""
