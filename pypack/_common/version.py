"""The version of pypack."""

VERSION = "0.1.0"
