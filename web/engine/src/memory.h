// Memory: taken once and never given back, so that an instance stays as large as its model needs.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name), used))

extern unsigned char __heap_base;
static uintptr_t heap = 0; // the first free byte

// `bytes` zeros, aligned for vectors. Traps where there is no more memory.
static void *take(size_t bytes) {
  const uintptr_t start = ((heap ? heap : (uintptr_t)&__heap_base) + 15) & ~(uintptr_t)15;
  const size_t have = __builtin_wasm_memory_size(0) << 16;
  if (start + bytes > have) {
    const size_t pages = (start + bytes - have + 65535) >> 16;
    if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) __builtin_trap();
  }
  heap = start + bytes;
  return __builtin_memset((void *)start, 0, bytes);
}

static float *take_floats(int count) { return take((size_t)count * sizeof(float)); }
