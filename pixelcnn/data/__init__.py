"""Datasets and pixels: greys as they are stored, levels as the model describes them."""
