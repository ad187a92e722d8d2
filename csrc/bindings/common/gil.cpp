#include "bindings/common/gil.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include "common/interrupt.hpp"

namespace pypack::bindings {

namespace {

namespace py = pybind11;

// Python handles signals in its main thread only; others need not ask for the interpreter.
unsigned long main_thread() {
    return py::module_::import("threading").attr("main_thread")().attr("ident").cast<unsigned long>();
}

unsigned long g_main_thread = 0;

// The exception of a signal's handler, from where it was raised to where the kernel has ended.
struct {
    PyObject* type = nullptr;
    PyObject* value = nullptr;
    PyObject* trace = nullptr;
} g_raised;

// Called between two pieces of work, with the interpreter let go of.
bool handle_signals() {
    if (PyThread_get_thread_ident() != g_main_thread) return false;
    using Clock = std::chrono::steady_clock;
    static Clock::time_point next{};  // of the main thread alone
    const auto now = Clock::now();
    if (now < next) return false;
    next = now + std::chrono::milliseconds(50);
    const py::gil_scoped_acquire held;
    if (PyErr_CheckSignals() == 0) return false;
    PyErr_Fetch(&g_raised.type, &g_raised.value, &g_raised.trace);
    return true;
}

}  // namespace

void let_signals_interrupt() {
    g_main_thread = main_thread();
    interrupt_check.store(&handle_signals);
    py::register_local_exception_translator([](std::exception_ptr thrown) {
        try {
            if (thrown) std::rethrow_exception(thrown);
        } catch (const Interrupted&) {
            raise_interruption();
        }
    });
}

void raise_interruption() {
    PyErr_Restore(std::exchange(g_raised.type, nullptr), std::exchange(g_raised.value, nullptr),
                  std::exchange(g_raised.trace, nullptr));
}

}  // namespace pypack::bindings
