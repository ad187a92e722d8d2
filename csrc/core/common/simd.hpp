// Run-time choice of instruction set for loops that the compiler vectorizes itself.
#pragma once

// A function marked so is compiled for each level, and the loader picks the best one that the machine has
// (GNU ifunc). Elsewhere the portable code stands alone.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define PYPACK_SIMD_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PYPACK_SIMD_CLONES
#endif

// For what a function of another instruction set is to be made of: not inlined, it would keep its own.
#if defined(__GNUC__)
#define PYPACK_INLINE inline __attribute__((always_inline))
#else
#define PYPACK_INLINE inline
#endif
