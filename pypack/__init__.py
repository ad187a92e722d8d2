"""pypack: text to full training batches."""

__version__ = "0.1.0"
