"""Fit a PixelCNN: `python train.py --preset binary --data-dir DIR`; with `--help`, every flag.

An installed package has the same command as `pixelcnn-train`.
"""

from pixelcnn.training.command import main

if __name__ == "__main__":
    main()
