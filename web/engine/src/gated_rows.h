// `GatedNetwork` by rows; see `pixelcnn/sampling/gated_rows.py`.
#pragma once
#include "rows.h"

static float *feature_of(const Rows *r, int k, int i) { return r->feature[k * config.height + i]; }

static void first_vertical(Rows *r, int i) {
  const int W = config.width;
  see_above(r->image, i);
  linear(&net.first_above, line.seen, net.first_above.in, W, net.place + i * W * D, D, feature_of(r, 0, i));
}

// From the convolution x of vertical block k at row i to what leaves the block: v' = v + A gate(x + bias).
static void finish_block(Rows *r, int k, int i, const float *x) {
  const int W = config.width;
  const Block *b = &net.blocks[k];
  gate(x, bias_of(b, 2 * D, k, r->condition), W, D, line.g);
  linear(&b->out, line.g, D, W, feature_of(r, k, i), D, feature_of(r, k + 1, i));
}

// Vertical blocks first to last - 1 at row i of n images.
static void vertical(Rows *const *images, int n, int i, int first, int last) {
  for (int k = first; k < last; k++) {
    convolve(images, n, k, i, line.x);
    for (int m = 0; m < n; m++) finish_block(images[m], k, i, line.x + m * config.width * 2 * D);
  }
}

// What all conditions share of the rows up to i: the blocks before `class_from`, and the convolution of that one,
// whose bias only is told the condition.
static void shared_above(Rows *r, int i) {
  for (; r->above <= i; r->above++) {
    first_vertical(r, r->above);
    vertical(&r, 1, r->above, 0, config.class_from);
    if (config.class_from < config.blocks) convolve(&r, 1, config.class_from, r->above, r->convolved[r->above]);
  }
}

// Vertical features of row i, which depend on the pixels above it, of n images as they are told different
// conditions. They have those of the rows before.
static void vertical_row(Rows *const *images, int n, int i) {
  Rows *shared = images[0]->shared;
  int first = 0;
  if (shared) {
    shared_above(shared, i);
    first = config.class_from;
    if (first < config.blocks)
      for (int m = 0; m < n; m++) finish_block(images[m], first, i, shared->convolved[i]);
    first++;
  } else {
    for (int m = 0; m < n; m++) first_vertical(images[m], i);
  }
  vertical(images, n, i, first, config.blocks);
  for (int m = 0; m < n; m++) images[m]->above = i + 1;
}

// Vertical features of all rows up to i.
static void gated_above(Rows *const *images, int n, int i) {
  for (int row = 0; row <= i; row++) {
    Rows *late[BATCH];
    int count = 0;
    for (int m = 0; m < n; m++)
      if (images[m]->above == row) late[count++] = images[m];
    if (count) vertical_row(late, count, row);
  }
}

// Once a row: its links from the vertical stack into the horizontal one.
static void gated_begin(const Rows *r, int i) {
  const float *v = feature_of(r, config.blocks, i);
  for (int k = 0; k < config.horizontal_blocks; k++) {
    const Block *b = &net.horizontal[k];
    const float *bias = b->bias + (config.embedded ? r->condition * 2 * E : 0);
    linear(&b->link, v, D, config.width, bias, 0, line.links[k]);
  }
}

// The horizontal stack for the pixels as they are, from column `from` to `to`; left of them it is known.
static void gated_row(const Rows *r, int i, int from, int to) {
  const int C = config.channels, n = to - from;
  linear(&net.first_left, input_at(r->image, i, from - config.left), C, n, net.first_bias, 0, line.h[0] + from * E);
  for (int k = 0; k < config.horizontal_blocks; k++) {
    const Block *b = &net.horizontal[k];
    const float *h = line.h[k];
    shifted(h, -b->dilation, from, to, E, line.seen, 2 * E);
    shifted(h, 0, from, to, E, line.seen + E, 2 * E);
    linear(&b->conv, line.seen + from * 2 * E, 2 * E, n, line.links[k] + from * 2 * E, 2 * E, line.x);
    gate(line.x, zeros, n, E, line.g);
    linear(&b->out, line.g, E, n, h + from * E, E, line.h[k + 1] + from * E);
  }
  head(line.h[config.horizontal_blocks], from, to);
}
