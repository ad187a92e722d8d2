"""Objectives, beside plain batches and the frameworks' collators."""
