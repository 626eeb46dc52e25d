// One image from top to bottom, and what a network makes of its rows: the state that `gated_rows.h` and
// `residual_rows.h` compute on.
#pragma once
#include "model.h"

typedef struct {
  uint8_t *levels; // (channels, height, width)
  float *input;    // (REACH + height, left + width + REACH, channels): network input, zeros around the image
} Image;

// An image under one condition. `feature` holds what the convolutions of block k read of row i, at
// [k * height + i]: (width, D) each. Gated: v as it enters block k, or leaves the last; row i knows rows above.
// Residual: what the masked convolution reads; row i knows row i too.
typedef struct Rows {
  const Image *image;
  int condition;
  struct Rows *shared; // holds the blocks that do not know the condition, for all conditions; or NULL
  float **feature;
  float **convolved;   // of shared ones: by row, what the convolution of block class_from makes of them
  int above;                            // rows whose vertical features are there (gated)
  int known;                            // rows whose pixels have been read
  float *log_prob, *entropy, *expected; // (channels, height, width)
} Rows;

enum { BATCH = 8 }; // rows of so many images are computed at once

// Of the row at hand. What is kept between the passes of a row is kept for all of its columns.
typedef struct {
  float *seen;                // what a kernel reads, side by side
  float *points, *products;   // of convolutions: (POINTS, BATCH, tiles, features)
  float *x, *g;               // what enters the gate, of a batch; and what leaves it
  float *first;               // residual: the first layer without the pixels to the left
  float *links[MAX_BLOCKS];   // of each block, what comes from the rows above
  float *h[MAX_BLOCKS + 1];   // gated: what enters each horizontal block, and what leaves the last
  float *hidden, *logits;     // of the head
} Line;

static Line line;

static int pixels(void) { return config.height * config.width; }
static int sub_pixels(void) { return config.channels * pixels(); }

// Floats of a row of `input`.
static int input_step(void) { return (config.left + config.width + REACH) * config.channels; }

static Image make_image(void) {
  Image image = {take((size_t)sub_pixels()), take_floats((REACH + config.height) * input_step())};
  return image;
}

static float *input_at(const Image *image, int row, int column) {
  return image->input + (row + REACH) * input_step() + (config.left + column) * config.channels;
}

static uint8_t *level_at(uint8_t *levels, int channel, int row, int column) {
  return levels + (channel * config.height + row) * config.width + column;
}

static void set_level(Image *image, int channel, int row, int column, int level) {
  *level_at(image->levels, channel, row, column) = (uint8_t)level;
  const double scale = 2.0 / (config.levels - 1);
  input_at(image, row, column)[channel] = (float)level * (float)scale - 1.0f;
}

static int table_size(void) { return (config.blocks + !config.residual) * config.height; }

// Make rows whose features after block `class_from` are their own; those before are the shared ones, if there are any.
static void make_rows(Rows *r, const Image *image, int condition, Rows *shared) {
  const int H = config.height, first = shared ? (config.class_from + 1) * H : 0;
  r->image = image;
  r->condition = condition;
  r->shared = shared;
  r->feature = take((size_t)table_size() * sizeof(float *));
  for (int k = 0; k < table_size(); k++)
    r->feature[k] = k < first ? shared->feature[k] : take_floats(config.width * D);
  r->log_prob = take_floats(3 * sub_pixels());
  r->entropy = r->log_prob + sub_pixels();
  r->expected = r->entropy + sub_pixels();
}

static void make_line(void) {
  const int W = config.width, wide = D > E ? D : E;
  const int first = REACH * (2 * REACH + 1) * config.channels;
  int tiles = 0;
  for (int k = 0; k < config.blocks; k++)
    if (net.blocks[k].convolution.tiles > tiles) tiles = net.blocks[k].convolution.tiles;
  zeros = take_floats(2 * wide);
  line.seen = take_floats(W * (2 * wide > first ? 2 * wide : first));
  line.points = take_floats(POINTS * BATCH * tiles * 2 * D);
  line.products = take_floats(POINTS * BATCH * tiles * 2 * D);
  line.x = take_floats(BATCH * W * 2 * wide);
  line.g = take_floats(W * wide);
  line.first = take_floats(W * E);
  const int blocks = config.residual ? config.blocks : config.horizontal_blocks;
  for (int k = 0; k < blocks; k++) line.links[k] = take_floats(W * (config.residual ? D : 2 * E));
  for (int k = 0; k <= blocks; k++) line.h[k] = take_floats(W * E);
  line.hidden = take_floats(W * net.hidden.out);
  line.logits = take_floats(W * net.out.out);
}

// What the first layer reads of the rows above row i: (width, REACH * (2 REACH + 1) * channels).
static void see_above(const Image *image, int i) {
  const int run = (2 * REACH + 1) * config.channels;
  for (int j = 0; j < config.width; j++)
    for (int up = 0; up < REACH; up++)
      __builtin_memcpy(line.seen + (j * REACH + up) * run, input_at(image, i - REACH + up, j - REACH),
                       (size_t)run * sizeof(float));
}

// What the convolution of block k makes of row i - d and, if its kernel has two rows, of row i: of n images,
// (n, width, out).
static void convolve(Rows *const *images, int n, int k, int i, float *y) {
  const Convolution *v = &net.blocks[k].convolution;
  const int W = config.width, d = v->dilation, in = v->point[0].in, out = v->point[0].out, tiles = n * v->tiles;
  for (int m = 0; m < n; m++) {
    float *const *row = images[m]->feature + k * config.height + i, *points = line.points + m * v->tiles * in;
    to_points(i < d ? NULL : row[-d], W, D, d, points, in, tiles * in);
    if (in > D) to_points(row[0], W, D, d, points + D, in, tiles * in);
  }
  for (int p = 0; p < POINTS; p++)
    linear(&v->point[p], line.points + p * tiles * in, in, tiles, zeros, 0, line.products + p * tiles * out);
  for (int m = 0; m < n; m++)
    from_points(line.products + m * v->tiles * out, tiles * out, W, out, d, y + m * W * out);
}

// The head: from features (width, E) to logits, from column `from` to `to`.
static void head(const float *x, int from, int to) {
  const int n = to - from, hidden = net.hidden.out;
  float *y = line.hidden + from * hidden;
  relu(x + from * E, n * E, line.seen);
  linear(&net.hidden, line.seen, E, n, net.hidden_bias, 0, y);
  relu(y, n * hidden, y);
  linear(&net.out, y, hidden, n, net.out_bias, 0, line.logits + from * net.out.out);
}
