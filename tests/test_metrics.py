import math

import pytest
import torch

from pixelcnn import PixelCNN
from pixelcnn.config import ModelConfig
from pixelcnn.density.metrics import evaluate


@pytest.mark.parametrize("num_classes", [0, 3])
@pytest.mark.parametrize("batch", [1, 3, 7])
def test_evaluation_is_the_mean_over_images_however_they_are_batched(num_classes, batch):
    torch.manual_seed(0)
    config = ModelConfig(height=4, width=4, num_classes=num_classes, inner_dim=4, dilations=(1, 2))
    model = PixelCNN(config).double().eval()
    if num_classes:
        for block in (*model.network.vertical, *model.network.horizontal):
            torch.nn.init.normal_(block.embedding.weight)
    levels = torch.randint(2, (7, 1, 4, 4))
    labels = torch.randint(3, (7,))
    result = evaluate(model, levels.to(torch.uint8), labels, torch.arange(7).split(batch))
    nats = -model.log_prob(levels).sum().item() / 7
    assert result.nats_per_image == pytest.approx(nats)
    assert result.bits_per_dim == pytest.approx(nats / 16 / math.log(2))
    assert result.images == 7
    if num_classes:
        given = -model.log_prob(levels, labels).sum().item() / 7
        assert result.nats_per_image_given_class == pytest.approx(given)
    else:
        assert result.nats_per_image_given_class is None
