#include "tokenize/wordpiece_model.hpp"

#include "tokenize/byte_trie.hpp"
#include "tokenize/utf8.hpp"

namespace pypack {

namespace {

class WordPieceModel final : public Model {
  public:
    explicit WordPieceModel(WordPieceOptions options) : options_(std::move(options)) {
        std::vector<ByteTrie::Entry> first, continuing;
        const std::string& prefix = options_.continuing_prefix;
        for (const auto& [token, id] : options_.vocabulary) {
            const std::string_view text(token);
            first.emplace_back(text, id);
            if (text.starts_with(prefix)) continuing.emplace_back(text.substr(prefix.size()), id);
        }
        first_ = ByteTrie(std::move(first));
        continuing_ = ByteTrie(std::move(continuing));
    }

    [[nodiscard]] std::unique_ptr<Workspace> make_workspace() const override {
        return std::make_unique<Workspace>();
    }

    void tokenize(std::string_view word, Workspace&, std::vector<TokenId>& ids) const override {
        const std::size_t before = ids.size();
        bool known = !is_too_long(word);
        for (std::size_t start = 0; known && start < word.size();) {
            std::size_t length = 0;
            TokenId id = 0;
            const ByteTrie& trie = start == 0 ? first_ : continuing_;
            trie.for_each_prefix(word.substr(start), [&](std::size_t found, TokenId value) {
                length = found;
                id = value;
            });
            known = length != 0;
            ids.push_back(id);
            start += length;
        }
        if (!known) {
            ids.resize(before);
            ids.push_back(options_.unknown_id);
        }
    }

    void for_each_likely_word(const std::function<void(std::string_view)>& visit) const override {
        const std::string& prefix = options_.continuing_prefix;
        for (const auto& [token, id] : options_.vocabulary) {
            if (!token.empty() && (prefix.empty() || !token.starts_with(prefix))) visit(token);
        }
    }

  private:
    [[nodiscard]] bool is_too_long(std::string_view word) const {
        if (word.size() <= options_.max_characters) return false;
        std::size_t num_characters = 0;
        for (const char byte : word) num_characters += is_utf8_continuation(byte) ? 0 : 1;
        return num_characters > options_.max_characters;
    }

    WordPieceOptions options_;
    ByteTrie first_;
    ByteTrie continuing_;
};

}  // namespace

ModelPtr make_wordpiece_model(WordPieceOptions options) {
    return std::make_shared<WordPieceModel>(std::move(options));
}

}  // namespace pypack
