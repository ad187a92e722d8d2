"""What several benchmarks need: timing, tables, records, processes of their own, lengths of documents."""
