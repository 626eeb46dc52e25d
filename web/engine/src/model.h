// The config and the weights of a model, read in the order in which `tensors.js` lays them down.
#pragma once
#include "convolution.h"

enum { MAX_BLOCKS = 64, REACH = 3 }; // REACH: of the first layer, in pixels up and to each side

typedef struct {
  int residual, categorical, levels, channels, height, width;
  int conditions; // what a network may be told: each class in each hand; at least 1
  int embedded;   // whether it has embeddings of them
  int left;       // pixels to the left that the first layer of a row sees; at least REACH
  int dim, horizontal_dim, class_from, blocks, horizontal_blocks;
  int dilations[MAX_BLOCKS], horizontal_dilations[MAX_BLOCKS];
} Config;

// `VerticalBlock` (convolution, out), `HorizontalBlock` (conv, link, out) or `ResidualBlock` (down, convolution of
// the row above, conv of columns to the left, out), as rows use it.
typedef struct {
  int dilation;
  Convolution convolution;
  Linear conv, link, down, out;
  const float *bias; // (conditions, out): of the convolution, with the embedding; see `bias_of`
  const float *down_bias, *out_bias;
} Block;

typedef struct {
  Linear first_above, first_left; // the rows above; the pixels to the left
  const float *first_bias;        // of first_left, where it is not part of place
  const float *place;             // (height, width, features): what the first layer adds beside products
  Block blocks[MAX_BLOCKS], horizontal[MAX_BLOCKS];
  Linear hidden, out; // the head
  const float *hidden_bias, *out_bias;
} Network;

static Config config;
static Network net;
static int D, E; // features of what crosses rows (dim), and of what stays in a row, both padded
static const float *raw; // the next tensor

// Where a number of a matrix (parts * size, taps, in) is in its panels. Each part of the outputs is padded, and so
// are the inputs of each tap, to `in_padded`.
static int place_in(const Linear *l, int size, int in_padded, int out, int tap, int in) {
  const int row = out / size * padded(size) + out % size;
  return (row / LANES * l->in + tap * in_padded + in) * LANES + row % LANES;
}

// Take a matrix out of a tensor whose outputs, taps and inputs are so many floats apart.
static Linear pack(const float *tensor, int parts, int size, int taps, int in, int in_padded,
                   int out_step, int tap_step, int in_step) {
  Linear l = {taps * in_padded, parts * padded(size), NULL};
  float *weight = take_floats(l.in * l.out);
  for (int o = 0; o < parts * size; o++)
    for (int t = 0; t < taps; t++)
      for (int c = 0; c < in; c++)
        weight[place_in(&l, size, in_padded, o, t, c)] = tensor[o * out_step + t * tap_step + c * in_step];
  l.weight = weight;
  return l;
}

// The kernels (parts * size, rows, 3, dim) of a convolution, whose numbers are so many floats apart.
static Convolution pack_convolution(const float *tensor, int dilation, int parts, int size, int rows,
                                    int out_step, int row_step, int tap_step, int in_step) {
  Convolution v = {dilation, count_tiles(config.width, dilation), {{0}}};
  for (int k = 0; k < POINTS; k++) {
    Linear l = {rows * D, parts * padded(size), NULL};
    float *weight = take_floats(l.in * l.out);
    for (int o = 0; o < parts * size; o++)
      for (int row = 0; row < rows; row++)
        for (int c = 0; c < config.dim; c++) {
          double sum = 0;
          for (int t = 0; t < TAPS; t++)
            sum += G[k][t] * (double)tensor[o * out_step + row * row_step + t * tap_step + c * in_step];
          weight[place_in(&l, size, D, o, row, c)] = (float)sum;
        }
    l.weight = weight;
    v.point[k] = l;
  }
  return v;
}

// The weight of an `nn.Linear` or a `CausalConv2d`: (parts * size, taps * in).
static Linear take_linear(int parts, int size, int taps, int in, int in_padded) {
  const Linear l = pack(raw, parts, size, taps, in, in_padded, taps * in, in, 1);
  raw += parts * size * taps * in;
  return l;
}

// Rows of parts * size numbers, each part padded.
static float *take_bias(int rows, int parts, int size) {
  const int wide = padded(size);
  float *bias = take_floats(rows * parts * wide);
  for (int k = 0; k < rows * parts; k++, raw += size)
    __builtin_memcpy(bias + k * wide, raw, (size_t)size * sizeof(float));
  return bias;
}

// What a convolution adds: its bias, and the embedding of each condition where the block has one.
static const float *take_conditions(const float *bias, int embedded, int parts, int size) {
  if (!embedded) return bias;
  float *sums = take_bias(config.conditions, parts, size);
  const int out = parts * padded(size);
  for (int k = 0; k < config.conditions * out; k++) sums[k] += bias[k % out];
  return sums;
}

static int told(int k) { return config.embedded && k >= config.class_from; } // has block k an embedding?

static const float *bias_of(const Block *b, int out, int k, int condition) {
  return b->bias + (told(k) ? condition * out : 0);
}

// torch.linspace(-1, 1, n)[k]
static float coordinate(int k, int n) {
  if (n == 1) return -1.0f;
  const float step = 2.0f / (float)(n - 1);
  return k < n / 2 ? -1.0f + step * (float)k : 1.0f - step * (float)(n - 1 - k);
}

static const float *take_place(const float *bias, int size) {
  const int wide = padded(size), H = config.height, W = config.width;
  float *place = take_floats(H * W * wide);
  for (int i = 0; i < H; i++)
    for (int j = 0; j < W; j++)
      for (int k = 0; k < size; k++)
        place[(i * W + j) * wide + k] =
            bias[k] + raw[2 * k] * coordinate(i, H) + raw[2 * k + 1] * coordinate(j, W);
  raw += 2 * size;
  return place;
}

static void take_gated(void) {
  const int dim = config.dim, small = config.horizontal_dim, C = config.channels;
  net.first_above = take_linear(1, dim, REACH * (2 * REACH + 1), C, C);
  const float *bias = take_bias(1, 1, dim);
  net.place = take_place(bias, dim);
  for (int k = 0; k < config.blocks; k++) {
    Block *b = &net.blocks[k];
    b->dilation = config.dilations[k];
    b->convolution = pack_convolution(raw, b->dilation, 2, dim, 2, 6 * dim, TAPS * dim, dim, 1);
    raw += 2 * dim * 6 * dim;
    bias = take_bias(1, 2, dim);
    b->out = take_linear(1, dim, 1, dim, D);
    b->bias = take_conditions(bias, told(k), 2, dim);
  }
  net.first_left = take_linear(1, small, config.left, C, C);
  net.first_bias = take_bias(1, 1, small);
  for (int k = 0; k < config.horizontal_blocks; k++) {
    Block *b = &net.horizontal[k];
    b->dilation = config.horizontal_dilations[k];
    b->conv = take_linear(2, small, 2, small, E);
    bias = take_bias(1, 2, small);
    b->link = take_linear(2, small, 1, dim, D);
    b->out = take_linear(1, small, 1, small, E);
    b->bias = take_conditions(bias, config.embedded, 2, small);
  }
}

static void take_residual(void) {
  const int dim = config.dim, C = config.channels, kernel = 2 * REACH + 1, all = kernel * kernel;
  // Of every masked kernel, the rows above, and then the pixels to the left of the centre.
  net.first_above = pack(raw, 1, 2 * dim, REACH * kernel, C, C, C * all, 1, all);
  net.first_left = pack(raw + REACH * kernel, 1, 2 * dim, REACH, C, C, C * all, 1, all);
  raw += 2 * dim * C * all;
  const float *bias = take_bias(1, 1, 2 * dim);
  net.place = take_place(bias, 2 * dim);
  for (int k = 0; k < config.blocks; k++) {
    Block *b = &net.blocks[k];
    b->dilation = config.dilations[k];
    b->down = take_linear(1, dim, 1, 2 * dim, E);
    b->down_bias = take_bias(1, 1, dim);
    b->convolution = pack_convolution(raw, b->dilation, 1, dim, 1, 9 * dim, 0, 1, 9);
    b->conv = pack(raw + TAPS, 1, dim, 2, dim, D, 9 * dim, 1, 9);
    raw += 9 * dim * dim;
    bias = take_bias(1, 1, dim);
    b->out = take_linear(1, 2 * dim, 1, dim, D);
    b->out_bias = take_bias(1, 1, 2 * dim);
    b->bias = take_conditions(bias, config.embedded, 1, dim);
  }
}

// Parameters of the likelihood: logits of a sub-pixel.
static int parameters(void) { return config.categorical ? config.levels : 1; }

static void take_network(const float *tensors) {
  raw = tensors;
  D = padded(config.dim);
  E = padded(config.residual ? 2 * config.dim : config.horizontal_dim);
  if (config.residual) config.class_from = 0;
  const int last = config.residual ? 2 * config.dim : config.horizontal_dim;
  const int hidden = config.residual ? 32 : 2 * config.horizontal_dim;
  if (config.residual) take_residual(); else take_gated();
  net.hidden = take_linear(1, hidden, 1, last, E);
  net.hidden_bias = take_bias(1, 1, hidden);
  net.out = take_linear(1, config.channels * parameters(), 1, hidden, padded(hidden));
  net.out_bias = take_bias(1, 1, config.channels * parameters());
}
