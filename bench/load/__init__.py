"""Loading packed batches, beside the bare work and other loaders."""
