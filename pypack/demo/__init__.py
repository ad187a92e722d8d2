"""`pypack demo`: the whole way from text to batches, on text that every machine has."""
