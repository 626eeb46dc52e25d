// `GatedNetwork` by rows; see `pixelcnn/sampling/gated_rows.py`.
#pragma once
#include "rows.h"

// Vertical blocks first to last - 1 at row i.
static void vertical(Rows *r, int i, int first, int last) {
  const int H = config.height, W = config.width;
  float **feature = r->feature;
  if (first == 0) {
    see_above(r->image, i);
    linear(&net.first_above, line.seen, net.first_above.in, W, net.place + i * W * D, D, feature[i]);
  }
  for (int k = first; k < last; k++) {
    const Block *b = &net.blocks[k];
    const int d = b->dilation;
    for (int tap = 0; tap < 6; tap++) {
      const int source = tap < 3 ? i - d : i;
      shifted(source < 0 ? NULL : feature[k * H + source], (tap % 3 - 1) * d, 0, W, D, line.seen + tap * D, 6 * D);
    }
    linear(&b->conv, line.seen, 6 * D, W, bias_of(b, 2 * D, k, r->condition), 0, line.x);
    gate(line.x, W, D, line.g);
    linear(&b->out, line.g, D, W, feature[k * H + i], D, feature[(k + 1) * H + i]);
  }
}

// Vertical features of all rows up to i, which depend on the pixels above row i.
static void gated_above(Rows *r, int i) {
  for (; r->above <= i; r->above++) {
    int first = 0;
    if (r->shared) {
      for (; r->shared->above <= r->above; r->shared->above++)
        vertical(r->shared, r->shared->above, 0, config.class_from);
      first = config.class_from;
    }
    vertical(r, r->above, first, config.blocks);
  }
}

// Once a row: its links from the vertical stack into the horizontal one.
static void gated_begin(const Rows *r, int i) {
  const float *v = r->feature[config.blocks * config.height + i];
  for (int k = 0; k < config.horizontal_blocks; k++) {
    const Block *b = &net.horizontal[k];
    const float *bias = b->bias + (config.embedded ? r->condition * 2 * E : 0);
    linear(&b->link, v, D, config.width, bias, 0, line.links[k]);
  }
}

// The horizontal stack for the pixels as they are, in columns `from` on; left of them it is known.
static void gated_row(const Rows *r, int i, int from) {
  const int W = config.width, C = config.channels, n = W - from;
  linear(&net.first_left, input_at(r->image, i, from - config.left), C, n, net.first_bias, 0, line.h[0] + from * E);
  for (int k = 0; k < config.horizontal_blocks; k++) {
    const Block *b = &net.horizontal[k];
    const float *h = line.h[k];
    shifted(h, -b->dilation, from, W, E, line.seen, 2 * E);
    shifted(h, 0, from, W, E, line.seen + E, 2 * E);
    linear(&b->conv, line.seen + from * 2 * E, 2 * E, n, line.links[k] + from * 2 * E, 2 * E, line.x);
    gate(line.x, n, E, line.g);
    linear(&b->out, line.g, E, n, h + from * E, E, line.h[k + 1] + from * E);
  }
  head(line.h[config.horizontal_blocks], from);
}
