#include "tokenize/normalize/normalizer.hpp"

namespace pypack {

namespace {

class Sequence final : public Normalizer {
  public:
    explicit Sequence(std::vector<NormalizerPtr> steps) : steps_(std::move(steps)) {}

    bool normalize(std::string_view text, std::string& out) const override {
        std::string current, next;
        bool changed = false;
        for (const NormalizerPtr& step : steps_) {
            if (!step->normalize(text, next)) continue;
            std::swap(current, next);
            next.clear();
            text = current;
            changed = true;
        }
        if (changed) out.append(current);
        return changed;
    }

    bool normalize_aligned(std::string_view text, const Alignment& alignment, std::string& out,
                           Alignment& out_alignment) const override {
        std::string current, next;
        Alignment current_alignment, next_alignment;
        const Alignment* last = &alignment;
        for (const NormalizerPtr& step : steps_) {
            if (!step->normalize_aligned(text, *last, next, next_alignment)) continue;
            std::swap(current, next);
            std::swap(current_alignment, next_alignment);
            next.clear();
            next_alignment.clear();
            text = current;
            last = &current_alignment;
        }
        if (last == &alignment) return false;
        out.append(current);
        out_alignment.insert(out_alignment.end(), last->begin(), last->end());
        return true;
    }

  private:
    std::vector<NormalizerPtr> steps_;
};

}  // namespace

NormalizerPtr make_normalizer_sequence(std::vector<NormalizerPtr> steps) {
    return std::make_shared<Sequence>(std::move(steps));
}

Alignment identity_alignment(std::string_view text) {
    Alignment alignment;
    alignment.reserve(text.size());
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t length = utf8_length(text[start]);
        const ByteRange range{static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(start + length)};
        alignment.insert(alignment.end(), length, range);
        start += length;
    }
    return alignment;
}

}  // namespace pypack
