// Bindings of masked words: where words begin, as stores keep it.
#include "bindings/objective/word_borders.hpp"

#include <pybind11/stl.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bindings/common/arrays.hpp"
#include "common/watched_file.hpp"
#include "objective/masked_words.hpp"
#include "store/mask_bits.hpp"
#include "store/store_view.hpp"

namespace pypack::bindings {

namespace {

// Stores whose shards have the bits of words in the place of a loss mask.
class StoredWords : public WordBits {
  public:
    explicit StoredWords(std::vector<std::shared_ptr<StoreView>> stores) : stores_(std::move(stores)) {}

    void copy(std::int32_t store, std::int64_t document, std::int64_t start, std::int64_t count,
              std::uint64_t* words) const override {
        if (store < 0 || static_cast<std::size_t>(store) >= stores_.size()) {
            throw std::out_of_range("there are no borders of words of store " + std::to_string(store));
        }
        const StoreView& view = *stores_[static_cast<std::size_t>(store)];
        const auto lease = view.lease();
        const DocumentView found = view.document(document, look_clock());
        if (found.mask == nullptr) {
            throw std::invalid_argument("the store of document " + std::to_string(document) +
                                        " keeps no borders of words");
        }
        if (start < 0 || count < 0 || start > found.length || count > found.length - start) {
            throw std::out_of_range("document " + std::to_string(document) + " has " +
                                    std::to_string(found.length) + " tokens");
        }
        const MaskBits bits(found.mask, found.first_bit + start, count);
        for (std::int64_t at = 0; at < count; at += 64) words[at / 64] = 0;
        for (std::int64_t at = 0; at < count;) {
            std::uint64_t word = 0;
            const std::int64_t read = bits.word(at, word);
            words[at / 64] |= word << (at % 64);
            if (at % 64 + read > 64) words[at / 64 + 1] |= word >> (64 - at % 64);
            at += read;
        }
    }

  private:
    std::vector<std::shared_ptr<StoreView>> stores_;
};

}  // namespace

void register_word_borders(py::module_& m) {
    m.def(
        "masked_words",
        [](std::uint64_t chance, const Replacement& by, const Array<std::uint32_t>& never,
           std::vector<std::shared_ptr<StoreView>> borders, const std::string& instructions) {
            if (chance > std::uint64_t{1} << 32) throw py::value_error("a chance is at most 2^32");
            return masked_words(chance, by, TokenSet(view(never, "never")),
                                std::make_shared<StoredWords>(std::move(borders)),
                                instructions_named(instructions));
        },
        py::kw_only(), py::arg("chance"), py::arg("replacement"), py::arg("never").noconvert(),
        py::arg("borders"), py::arg("instructions") = "best",
        "Every word is chosen by chance; of each store a view with the bits of words as masks.");
}

}  // namespace pypack::bindings
