"""Exact sampling: what programs call, the naive definition, and the fast sampler."""
