"""Conversions: how fast stores go into other libraries' formats and back."""
