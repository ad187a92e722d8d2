"""Offline jobs: long, resumable, the same output however they are run and interrupted."""
