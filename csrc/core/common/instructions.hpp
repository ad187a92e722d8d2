// Which instruction set code that is written for several of them runs with.
#pragma once

#include <string>

namespace pypack {

// kBest is the best of this machine; the others are for tests.
enum class Instructions { kBest, kPortable, kAvx2, kAvx512 };

// "best", "portable", "avx2" or "avx512". Throws std::invalid_argument for another name.
[[nodiscard]] Instructions instructions_named(const std::string& name);

// Whether this machine has what PYPACK_TARGET_AVX2 and PYPACK_TARGET_AVX512 ask for.
[[nodiscard]] bool has_avx2();
[[nodiscard]] bool has_avx512();

// `wanted`, never kBest. Throws std::invalid_argument where the machine lacks it.
[[nodiscard]] Instructions resolve(Instructions wanted);

}  // namespace pypack
