// A way out of long loops: whoever calls a kernel may want to hear of something else in between, such as
// Ctrl-C.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>

namespace pypack {

// Why a kernel ended before its time; whoever asked for it knows more.
struct Interrupted final : std::exception {
    [[nodiscard]] const char* what() const noexcept override { return "interrupted"; }
};

// Whether the kernel is to end. Null where nobody asks.
using InterruptCheck = bool (*)();
inline std::atomic<InterruptCheck> interrupt_check{nullptr};

// Documents whose lengths are looked at between two checks: a millisecond or two.
inline constexpr std::size_t kDocumentsBetweenChecks = std::size_t{1} << 16;

// To be called in every thread of a kernel between pieces of work of some milliseconds at most; takes some 20
// ns. Throws Interrupted.
inline void check_interrupt() {
    const InterruptCheck check = interrupt_check.load(std::memory_order_relaxed);
    if (check != nullptr && check()) throw Interrupted();
}

// The same in a loop over documents, sequences or spans, at every kDocumentsBetweenChecks-th; short loops, of
// which there may be many, never ask.
inline void check_interrupt_at(std::size_t index) {
    if ((index + 1) % kDocumentsBetweenChecks == 0) check_interrupt();
}

}  // namespace pypack
