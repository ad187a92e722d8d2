// The interpreter let go of while a kernel runs.
#pragma once

#include <pybind11/pybind11.h>

#if defined(__GLIBCXX__) && PY_VERSION_HEX < 0x030E0000
#include <cxxabi.h>
#include <unistd.h>
#endif

namespace pypack::bindings {

// Other Python threads run as long as this lives.
//
// A thread that asks for the interpreter back while that is shutting down never gets it. Before version 3.14
// Python ends such a thread by pthread_exit, which unwinds the stack through this destructor, and that would
// end the process by std::terminate. The thread waits here for the end of the process instead, as Python 3.14
// lets it do by itself.
class GilRelease {
  public:
    GilRelease() : state_(PyEval_SaveThread()) {}
    GilRelease(const GilRelease&) = delete;
    GilRelease& operator=(const GilRelease&) = delete;
    ~GilRelease() {
#if defined(__GLIBCXX__) && PY_VERSION_HEX < 0x030E0000
        try {
            PyEval_RestoreThread(state_);
        } catch (const abi::__forced_unwind&) {
            for (;;) ::pause();
        }
#else
        PyEval_RestoreThread(state_);
#endif
    }

  private:
    PyThreadState* state_;
};

// Makes Ctrl-C, and every other signal that Python handles, leave long kernels (common/interrupt.hpp).
void let_signals_interrupt();

// In a handler of Interrupted, with the interpreter held: Python's error is again what the signal raised.
void raise_interruption();

}  // namespace pypack::bindings
