#include "tokenize/pretokenize/streamed_automaton.hpp"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "tokenize/pretokenize/streamed_run.hpp"

namespace pypack {
namespace {

class StreamedAutomaton final : public Pretokenizer {
  public:
    StreamedAutomaton(PatternAutomaton::Ptr pattern, StreamedStates states, const StripLoops& loops)
        : pattern_(std::move(pattern)), states_(std::move(states)), loops_(loops) {}

    // A call that has cut by strips stops where the room left is too small for them, if there was a word at
    // all: it must come on, however long one is.
    std::size_t split(std::string_view piece, std::size_t from, WordSpans& words) const override {
        StreamedRun run{*pattern_, states_, piece, words, from, eighths_.load(std::memory_order_relaxed)};
        if (run.has_text_for_strips() && run.has_room_for_strips()) {
            Strips strips(loops_);
            do run.go_on_by_strips(strips);
            while (!run.is_done() && run.has_text_for_strips() && run.has_room_for_more_strips());
            note(run.eighths());
            if (run.has_text_for_strips() && run.has_words()) return run.finish();
        }
        while (!run.is_done() && run.has_room()) run.go_on();
        return run.finish();
    }

  private:
    static constexpr std::size_t kUsual = 36;  // eighths of bytes, of a word
    static constexpr std::size_t kFewest = 16;
    static constexpr std::size_t kMost = 64;

    // The bytes of a word, for the next call: too many, and words are found for which there is no room.
    void note(std::size_t eighths) const {
        const std::size_t wanted = std::clamp(eighths, kFewest, kMost);
        const std::size_t before = eighths_.load(std::memory_order_relaxed);
        // Threads share it: it is written where it matters.
        if (wanted + 2 < before || wanted > before + 2) eighths_.store(wanted, std::memory_order_relaxed);
    }

    PatternAutomaton::Ptr pattern_;
    StreamedStates states_;
    const StripLoops& loops_;
    mutable std::atomic<std::size_t> eighths_{kUsual};
};

}  // namespace

PretokenizerPtr make_streamed_automaton(const PatternAutomaton::Ptr& pattern, Instructions instructions) {
    if (!pattern->is_plain()) return nullptr;
    std::optional<StreamedStates> states = make_streamed_states(*pattern);
    if (!states) return nullptr;
    return std::make_shared<StreamedAutomaton>(pattern, std::move(*states),
                                               strip_loops(resolve(instructions)));
}

}  // namespace pypack
