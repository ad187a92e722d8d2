"""Prefill of mixed prompts, packed and padded."""
