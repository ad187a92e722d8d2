#include "common/instructions.hpp"

#include <stdexcept>

#include "common/simd.hpp"

namespace pypack {

Instructions instructions_named(const std::string& name) {
    if (name == "best") return Instructions::kBest;
    if (name == "portable") return Instructions::kPortable;
    if (name == "avx2") return Instructions::kAvx2;
    if (name == "avx512") return Instructions::kAvx512;
    throw std::invalid_argument("no instructions are named '" + name + "'");
}

bool has_avx2() {
#if PYPACK_X86_DISPATCH
    static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
    return has;
#else
    return false;
#endif
}

bool has_avx512() {
#if PYPACK_X86_DISPATCH
    static const bool has = has_avx2() && __builtin_cpu_supports("avx512f") &&
                            __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi2");
    return has;
#else
    return false;
#endif
}

Instructions resolve(Instructions wanted) {
    if ((wanted == Instructions::kAvx2 && !has_avx2()) ||
        (wanted == Instructions::kAvx512 && !has_avx512())) {
        throw std::invalid_argument("this machine lacks the instructions asked for");
    }
    if (wanted != Instructions::kBest) return wanted;
    if (has_avx512()) return Instructions::kAvx512;
    return has_avx2() ? Instructions::kAvx2 : Instructions::kPortable;
}

}  // namespace pypack
