// `ResidualNetwork` by rows; see `pixelcnn/sampling/residual_rows.py`.
#pragma once
#include "rows.h"

// Once a row: what its masked convolutions take from the rows above.
static void residual_begin(Rows *r, int i) {
  const int W = config.width;
  see_above(r->image, i);
  linear(&net.first_above, line.seen, net.first_above.in, W, net.place + i * W * E, E, line.first);
  for (int k = 0; k < config.blocks; k++) {
    convolve(&r, 1, k, i, line.links[k]);
    add(bias_of(&net.blocks[k], D, k, r->condition), W, D, line.links[k]);
  }
}

// All blocks for the pixels as they are, from column `from` to `to`; left of them what they read is known.
static void residual_row(const Rows *r, int i, int from, int to) {
  const int C = config.channels, n = to - from;
  float *a = line.h[0] + from * E;
  linear(&net.first_left, input_at(r->image, i, from - REACH), C, n, line.first + from * E, E, a);
  for (int k = 0; k < config.blocks; k++) {
    const Block *b = &net.blocks[k];
    float *narrow = r->feature[k * config.height + i];
    relu(a, n * E, line.x);
    linear(&b->down, line.x, E, n, b->down_bias, 0, narrow + from * D);
    relu(narrow + from * D, n * D, narrow + from * D);
    shifted(narrow, -b->dilation, from, to, D, line.seen, 2 * D);
    shifted(narrow, 0, from, to, D, line.seen + D, 2 * D);
    linear(&b->conv, line.seen + from * 2 * D, 2 * D, n, line.links[k] + from * D, D, line.g);
    relu(line.g, n * D, line.g);
    add(b->out_bias, n, E, a);
    linear(&b->out, line.g, D, n, a, E, a);
  }
  head(line.h[0], from, to);
}
