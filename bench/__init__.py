"""Measurements: each command prints a table and ends with one JSON line."""

import pixelcnn  # noqa: F401  before torch: it sets how threads wait
