"""How fast corpora of every kind are read, beside the readers of other libraries."""
