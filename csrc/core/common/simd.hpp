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

// For code that is written for an instruction set by hand, and chosen at run time by has_avx2() and the like.
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define PYPACK_X86_DISPATCH 1
#define PYPACK_TARGET_AVX512 \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi,bmi2,lzcnt,popcnt")))
#define PYPACK_TARGET_AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#else
#define PYPACK_X86_DISPATCH 0
#endif

// For what a function of another instruction set is to be made of: not inlined, it would keep its own.
#if defined(__GNUC__)
#define PYPACK_INLINE inline __attribute__((always_inline))
#else
#define PYPACK_INLINE inline
#endif
