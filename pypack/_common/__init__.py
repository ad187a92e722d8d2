"""What every room stands on: files, paths, arguments, threads, memory, fingerprints. Private."""
