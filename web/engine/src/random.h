// PyTorch's generator on the CPU: `torch.rand(generator=torch.Generator().manual_seed(seed))`.
//
// mt19937 (Matsumoto and Nishimura 1998), seeded with the low 32 bits of the seed; a float32 is the low 24
// bits of a number, times 2^-24.
#pragma once
#include <stdint.h>

enum { STATE = 624, AHEAD = 397 };
static uint32_t state[STATE], seeded_with;
static int next_word = 0;
static int drawn = -1; // numbers since the seed; -1: there is no seed yet

static void manual_seed(uint32_t seed) {
  state[0] = seeded_with = seed;
  for (int k = 1; k < STATE; k++)
    state[k] = 1812433253u * (state[k - 1] ^ (state[k - 1] >> 30)) + (uint32_t)k;
  next_word = STATE;
  drawn = 0;
}

static float rand_float(void) {
  if (next_word == STATE) {
    for (int k = 0; k < STATE; k++) {
      const uint32_t y = (state[k] & 0x80000000u) | (state[(k + 1) % STATE] & 0x7fffffffu);
      state[k] = state[(k + AHEAD) % STATE] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    next_word = 0;
  }
  uint32_t y = state[next_word++];
  drawn++;
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  y ^= y >> 18;
  return (float)(y & 0xffffffu) * 0x1p-24f;
}

// Numbers skip, skip + 1, ... of a seed's stream.
static void rand_floats(uint32_t seed, int skip, int count, float *to) {
  if (drawn < 0 || seed != seeded_with || drawn > skip) manual_seed(seed);
  while (drawn < skip) rand_float();
  for (int k = 0; k < count; k++) to[k] = rand_float();
}
