"""Batches in the words of each trainer: one module a framework, imported when it is used.

An adapter renames, casts, shifts and views; it computes nothing that the batch does not hold already.
"""
