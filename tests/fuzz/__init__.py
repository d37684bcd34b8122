"""Damaged files for every reader: `python -m fuzz --help`, with this folder's parent as PYTHONPATH."""
