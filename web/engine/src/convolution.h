// Dilated convolutions of three columns, by Winograd's minimal filtering F(4, 3) (Lavin and Gray 2016,
// arXiv:1509.09308): four neighbouring outputs from six inputs by six products instead of twelve.
//
//     y = A [(G w) * (B x)]        x: six inputs, w: three weights, y: four outputs
//
// Neighbours are d columns apart. So the columns fall into d phases, and each phase into tiles of four:
//
//     width 10, d = 2:   phase 0:  0 2 4 6 | 8 . . .     phase 1:  1 3 5 7 | 9 . . .
//
// B turns the inputs of a tile into six points. At each point one matrix product does all tiles; A turns its
// results into outputs. The rounding is no worse than that of the direct sum, which is three times as long.
#pragma once
#include "kernels.h"

enum { POINTS = 6, TILE = 4, TAPS = 3 };

// From `rows` rows of features to the features of one; the products of each point.
typedef struct {
  int dilation, tiles;
  Linear point[POINTS];
} Convolution;

static const double G[POINTS][TAPS] = {{1 / 4., 0, 0},
                                       {-1 / 6., -1 / 6., -1 / 6.},
                                       {-1 / 6., 1 / 6., -1 / 6.},
                                       {1 / 24., 1 / 12., 1 / 6.},
                                       {1 / 24., -1 / 12., 1 / 6.},
                                       {0, 0, 1}};

static int count_tiles(int width, int dilation) {
  int count = 0;
  for (int phase = 0; phase < dilation && phase < width; phase++)
    for (int first = phase; first < width; first += TILE * dilation) count++;
  return count;
}

static const float *zeros; // as many as there are features, at least

static inline v128_t times(float a, v128_t x) { return wasm_f32x4_mul(wasm_f32x4_splat(a), x); }

// B: the points of a row x (width, features), NULL for zeros. Tiles are `step` apart in y, points `point_step`.
static void to_points(const float *x, int width, int features, int dilation, float *y, int step, int point_step) {
  for (int phase = 0; phase < dilation && phase < width; phase++)
    for (int first = phase; first < width; first += TILE * dilation, y += step) {
      const float *column[POINTS];
      for (int k = 0; k < POINTS; k++) {
        const int j = first + (k - 1) * dilation;
        column[k] = x && j >= 0 && j < width ? x + j * features : zeros;
      }
      for (int c = 0; c < features; c += 4) {
        v128_t a[POINTS];
        for (int k = 0; k < POINTS; k++) a[k] = wasm_v128_load(column[k] + c);
        const v128_t even = wasm_f32x4_sub(a[4], times(4, a[2])), odd = wasm_f32x4_sub(a[3], times(4, a[1]));
        const v128_t near = wasm_f32x4_sub(a[4], a[2]), far = times(2, wasm_f32x4_sub(a[3], a[1]));
        float *to = y + c;
        wasm_v128_store(to, wasm_f32x4_add(wasm_f32x4_sub(times(4, a[0]), times(5, a[2])), a[4]));
        wasm_v128_store(to + point_step, wasm_f32x4_add(even, odd));
        wasm_v128_store(to + 2 * point_step, wasm_f32x4_sub(even, odd));
        wasm_v128_store(to + 3 * point_step, wasm_f32x4_add(near, far));
        wasm_v128_store(to + 4 * point_step, wasm_f32x4_sub(near, far));
        wasm_v128_store(to + 5 * point_step, wasm_f32x4_add(wasm_f32x4_sub(times(4, a[1]), times(5, a[3])), a[5]));
      }
    }
}

// A: from the products at the points to a row y (width, features). Points are `point_step` apart.
static void from_points(const float *x, int point_step, int width, int features, int dilation, float *y) {
  for (int phase = 0; phase < dilation && phase < width; phase++)
    for (int first = phase; first < width; first += TILE * dilation, x += features)
      for (int c = 0; c < features; c += 4) {
        v128_t m[POINTS];
        for (int k = 0; k < POINTS; k++) m[k] = wasm_v128_load(x + k * point_step + c);
        const v128_t sum = wasm_f32x4_add(m[1], m[2]), difference = wasm_f32x4_sub(m[1], m[2]);
        const v128_t sum2 = wasm_f32x4_add(m[3], m[4]), difference2 = wasm_f32x4_sub(m[3], m[4]);
        const v128_t out[TILE] = {
            wasm_f32x4_add(wasm_f32x4_add(m[0], sum), sum2),
            wasm_f32x4_add(difference, times(2, difference2)),
            wasm_f32x4_add(sum, times(4, sum2)),
            wasm_f32x4_add(wasm_f32x4_add(difference, times(8, difference2)), m[5]),
        };
        for (int k = 0; k < TILE; k++)
          if (first + k * dilation < width) wasm_v128_store(y + (first + k * dilation) * features + c, out[k]);
      }
}
