"""How fast text becomes ids, beside the other libraries that do it."""
