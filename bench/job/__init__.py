"""The whole way from JSON lines to token ids on disk, beside what others write."""
