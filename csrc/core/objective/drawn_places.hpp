// Places in a span that are drawn one after another, each from all that may be chosen, and what becomes of
// the tokens there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/instructions.hpp"
#include "objective/masked_piece.hpp"
#include "objective/replacement.hpp"

namespace pypack {

// Memory that is used again for every span.
class DrawnPlaces {
  public:
    // Draws `count` places of a span, or none where none may be chosen: one whose token is never chosen may
    // not, nor one whose label is kIgnoreLabel, where there are `labels`. Places are tried until there are
    // enough; where few may be chosen, which tries would take for ever to find, these are listed then.
    // `instructions`: resolved.
    template <typename Id>
    void draw(std::uint64_t span_key, std::int64_t count, std::int64_t length, const Id* ids,
              const Id* labels, const NeverChosen& never, Instructions instructions);

    // What each draw makes of its token, where that is another: one that stays is not written, as an earlier
    // draw of its place may have replaced it.
    void replace(std::uint64_t span_key, const Replacement& by, Instructions instructions);

    // Of each draw, in their order.
    [[nodiscard]] std::span<const std::uint32_t> places() const { return {places_.data(), found_}; }
    [[nodiscard]] const std::uint32_t* originals() const { return originals_.data(); }
    // Of each draw that changes its token.
    [[nodiscard]] std::span<const std::uint32_t> changed() const { return {changed_.data(), num_changed_}; }
    [[nodiscard]] const std::uint32_t* tokens() const { return tokens_.data(); }

  private:
    void make_room(std::size_t count);

    std::size_t found_ = 0;
    std::size_t num_changed_ = 0;
    std::vector<std::uint32_t> places_;
    std::vector<std::uint32_t> originals_;
    std::vector<std::uint32_t> changed_;
    std::vector<std::uint32_t> tokens_;
    std::vector<std::uint32_t> candidates_;
};

}  // namespace pypack
