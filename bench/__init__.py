"""Measurements: each command prints a table and ends with one JSON line."""
