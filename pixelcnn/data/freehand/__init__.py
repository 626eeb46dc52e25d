"""Digits drawn as people draw them: other sizes and places on the pad, other pens, an unsteady hand.

    trace:         greys -> strokes, the segments of the digits' centre lines; once for a dataset
    random_hands:  greys, strokes, random numbers -> how each digit is drawn, a `Hand`
    draw:          greys, strokes, hand -> the digits as this hand draws them

A hand moves a digit, and then either draws its centre line with the page's round pen, or takes the greys
themselves and thins or thickens them. A dataset is traced once; the generator then decides what is drawn:

    >>> import torch
    >>> greys = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    >>> greys[:, :, 4:24, 13:15] = 255
    >>> strokes = trace(greys)
    >>> index = torch.tensor([1])
    >>> hand = random_hands(greys[index], strokes[index], torch.Generator().manual_seed(0))
    >>> draw(greys[index], strokes[index], hand).shape
    torch.Size([1, 1, 28, 28])

Positions are in pixels, as (x, y), from the pad's upper left corner: the first pixel's centre is (0.5, 0.5).
"""

from pixelcnn.data.freehand.drawing import draw, paint_greys
from pixelcnn.data.freehand.hand import Hand, keep_on_pad, random_hands
from pixelcnn.data.freehand.strokes import Strokes, trace

__all__ = [
    "Hand",
    "Strokes",
    "draw",
    "keep_on_pad",
    "paint_greys",
    "random_hands",
    "trace",
]
