// Memory that one thread writes while others read it, in structures that are otherwise copied as they are: a
// std::atomic could not be, and std::atomic_ref is missing from standard libraries still in use.
#pragma once

namespace pypack {

template <typename T>
[[nodiscard]] inline T load_relaxed(const T& place) {
    return __atomic_load_n(&place, __ATOMIC_RELAXED);
}

template <typename T>
[[nodiscard]] inline T load_acquire(const T& place) {
    return __atomic_load_n(&place, __ATOMIC_ACQUIRE);
}

template <typename T>
inline void store_relaxed(T& place, T value) {
    __atomic_store_n(&place, value, __ATOMIC_RELAXED);
}

// False if another value is there, or has come meanwhile.
template <typename T>
[[nodiscard]] inline bool replace_if(T& place, T expected, T value) {
    return __atomic_compare_exchange_n(&place, &expected, value, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

// Whoever loads the value with load_acquire sees all that was stored before.
template <typename T>
inline void store_release(T& place, T value) {
    __atomic_store_n(&place, value, __ATOMIC_RELEASE);
}

}  // namespace pypack
