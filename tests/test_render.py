import numpy as np
import torch
from PIL import Image

from pixelcnn.store.grid import grid
from pixelcnn.training.curves import save_loss_curves


def test_grid_is_crisp_and_dark_on_white():
    levels = torch.zeros(5, 1, 4, 4, dtype=torch.long)
    levels[4, 0, 0, 0] = 1
    picture = np.asarray(grid(levels, 2, columns=3, scale=2))
    assert picture.shape == (2 * (2 * 6 + 2), 2 * (3 * 6 + 2))
    top, left = 2 * (2 + 6), 2 * (2 + 6)  # of the fifth image
    assert (picture[top : top + 2, left : left + 2] == 0).all()
    assert (picture[top + 2 : top + 8, left : left + 8] == 255).all()


def test_loss_curves_are_a_png(tmp_path):
    history = [
        {
            "epoch": k,
            "step": 9 * k,
            "train_nats_per_image": 60 / k,
            "validation_nats_per_image": 70 / k,
        }
        for k in (1, 2, 3)
    ]
    save_loss_curves(history, [], tmp_path / "loss.png")
    with Image.open(tmp_path / "loss.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 400
