// Arithmetic: linear layers over (columns, features), the gate, exp and log.
//
// All of it is IEEE arithmetic in a fixed order, so every browser computes the same bits; and what a column
// gets does not depend on which columns are computed with it.
#pragma once
#include <wasm_simd128.h>

#include "memory.h"

// Features are padded with zeros to whole vectors of the kernel.
enum { LANES = 8 };

static int padded(int features) { return (features + LANES - 1) / LANES * LANES; }

// y = x W + b, with W packed in panels of eight outputs: [out / 8][in][8].
typedef struct {
  int in, out; // padded
  const float *weight;
} Linear;

// One to four rows of x by one panel, into rows of y, which start as those of `from`.
__attribute__((always_inline)) static inline void tile(
    const int rows, const float *x, int x_step, const float *weight, int in, const float *from,
    int from_step, float *y, int y_step) {
  v128_t sum[4][2];
  for (int r = 0; r < rows; r++) {
    sum[r][0] = wasm_v128_load(from + r * from_step);
    sum[r][1] = wasm_v128_load(from + r * from_step + 4);
  }
  for (int k = 0; k < in; k++, weight += LANES) {
    const v128_t low = wasm_v128_load(weight), high = wasm_v128_load(weight + 4);
    for (int r = 0; r < rows; r++) {
      const v128_t each = wasm_v128_load32_splat(x + r * x_step + k);
      sum[r][0] = wasm_f32x4_add(sum[r][0], wasm_f32x4_mul(each, low));
      sum[r][1] = wasm_f32x4_add(sum[r][1], wasm_f32x4_mul(each, high));
    }
  }
  for (int r = 0; r < rows; r++) {
    wasm_v128_store(y + r * y_step, sum[r][0]);
    wasm_v128_store(y + r * y_step + 4, sum[r][1]);
  }
}

// y = from + x W. Rows of x are `x_step` apart, those of `from` `from_step` (0: one bias for all), those of
// y `out`. `from` may be y.
__attribute__((noinline)) static void linear(const Linear *l, const float *x, int x_step, int rows, const float *from,
                   int from_step, float *y) {
  const int in = l->in, out = l->out;
  for (int panel = 0; panel < out; panel += LANES) {
    const float *weight = l->weight + panel * in;
    int r = 0;
    for (; r + 4 <= rows; r += 4)
      tile(4, x + r * x_step, x_step, weight, in, from + panel + r * from_step, from_step,
           y + panel + r * out, out);
    const float *x_rest = x + r * x_step, *from_rest = from + panel + r * from_step;
    float *y_rest = y + panel + r * out;
    switch (rows - r) {
      case 3: tile(3, x_rest, x_step, weight, in, from_rest, from_step, y_rest, out); break;
      case 2: tile(2, x_rest, x_step, weight, in, from_rest, from_step, y_rest, out); break;
      case 1: tile(1, x_rest, x_step, weight, in, from_rest, from_step, y_rest, out); break;
    }
  }
}

// exp of four floats, to 2 units in the last place: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2] (Cephes).
static inline v128_t exp4(v128_t x) {
  x = wasm_f32x4_pmin(wasm_f32x4_splat(88.0f), wasm_f32x4_pmax(wasm_f32x4_splat(-87.0f), x));
  const v128_t n = wasm_f32x4_nearest(wasm_f32x4_mul(x, wasm_f32x4_splat(1.44269504f)));
  x = wasm_f32x4_sub(x, wasm_f32x4_mul(n, wasm_f32x4_splat(0.693359375f)));
  x = wasm_f32x4_sub(x, wasm_f32x4_mul(n, wasm_f32x4_splat(-2.12194440e-4f)));
  static const float terms[] = {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f,
                                1.6666665459e-1f, 5.0000001201e-1f};
  v128_t y = wasm_f32x4_splat(1.9875691500e-4f);
  for (int k = 0; k < 5; k++) y = wasm_f32x4_add(wasm_f32x4_mul(y, x), wasm_f32x4_splat(terms[k]));
  y = wasm_f32x4_add(wasm_f32x4_mul(y, wasm_f32x4_mul(x, x)), x);
  y = wasm_f32x4_add(y, wasm_f32x4_splat(1.0f));
  const v128_t exponent = wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(n), wasm_i32x4_splat(127));
  return wasm_f32x4_mul(y, wasm_i32x4_shl(exponent, 23));
}

static inline v128_t sigmoid4(v128_t x) {
  const v128_t one = wasm_f32x4_splat(1.0f);
  return wasm_f32x4_div(one, wasm_f32x4_add(one, exp4(wasm_f32x4_neg(x))));
}

static float exp_(float x) { return wasm_f32x4_extract_lane(exp4(wasm_f32x4_splat(x)), 0); }
static float sigmoid(float x) { return wasm_f32x4_extract_lane(sigmoid4(wasm_f32x4_splat(x)), 0); }

// log of a normal positive number: x = 2^n m, log m = 2 atanh((m - 1) / (m + 1)), m in [0.71, 1.42].
static double log_(double x) {
  union {
    double value;
    uint64_t bits;
  } m = {x};
  int n = (int)(m.bits >> 52) - 1023;
  m.bits = (m.bits & 0xfffffffffffffull) | 0x3ff0000000000000ull;
  if (m.value > 1.4142135623730951) m.value /= 2, n++;
  const double s = (m.value - 1) / (m.value + 1), square = s * s;
  double sum = 0;
  for (int k = 21; k > 0; k -= 2) sum = sum * square + 1.0 / k;
  return n * 0.6931471805599453 + 2 * s * sum;
}

static double softplus(float x) { return (x > 0 ? x : 0) + log_(1 + (double)exp_(x > 0 ? -x : x)); }

static inline v128_t sum4(const float *a, const float *b) { return wasm_f32x4_add(wasm_v128_load(a), wasm_v128_load(b)); }

// `layers.gate` of x + bias: (rows, 2 dim) -> (rows, dim), one half times the sigmoid of the other.
static void gate(const float *x, const float *bias, int rows, int dim, float *y) {
  for (; rows > 0; rows--, x += 2 * dim, y += dim)
    for (int k = 0; k < dim; k += 4)
      wasm_v128_store(y + k, wasm_f32x4_mul(sum4(x + k, bias + k), sigmoid4(sum4(x + dim + k, bias + dim + k))));
}

static void relu(const float *x, int count, float *y) {
  for (int k = 0; k < count; k += 4)
    wasm_v128_store(y + k, wasm_f32x4_pmax(wasm_f32x4_splat(0.0f), wasm_v128_load(x + k)));
}

// Add a bias to every row of y (rows, features).
static void add(const float *bias, int rows, int features, float *y) {
  for (; rows > 0; rows--, y += features)
    for (int k = 0; k < features; k += 4)
      wasm_v128_store(y + k, sum4(y + k, bias + k));
}

// From column `from` to `to`: column j of y gets column j + shift of x, or zeros left of the image. Columns of y are
// `step` apart.
static void shifted(const float *x, int shift, int from, int to, int features, float *y, int step) {
  const size_t bytes = (size_t)features * sizeof(float);
  for (int j = from; j < to; j++) {
    if (j + shift >= 0) __builtin_memcpy(y + j * step, x + (j + shift) * features, bytes);
    else __builtin_memset(y + j * step, 0, bytes);
  }
}
