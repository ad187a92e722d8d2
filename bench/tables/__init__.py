"""The tables of the pages, made from bench/results: one module for the tables of each result file."""
