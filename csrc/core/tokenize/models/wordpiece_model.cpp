#include "tokenize/models/wordpiece_model.hpp"

#include "tokenize/unicode/utf8.hpp"
#include "tokenize/vocabulary/byte_trie.hpp"

namespace pypack {

namespace {

class WordPieceModel final : public Model {
  public:
    explicit WordPieceModel(WordPieceOptions options) : options_(std::move(options)) {
        std::vector<ByteTrie::Entry> first, continuing;
        const std::string& prefix = options_.continuing_prefix;
        const StringList& tokens = options_.vocabulary->tokens();
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            const std::string_view text = tokens[i];
            const TokenId id = options_.vocabulary->ids()[i];
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
        match(word, ids, [](std::size_t, std::size_t) {}, [] {});
    }

    void tokenize_aligned(std::string_view word, Workspace&, std::vector<TokenId>& ids,
                          std::vector<ByteRange>& ranges) const override {
        const std::size_t before = ranges.size();
        const auto add = [&](std::size_t begin, std::size_t end) {
            ranges.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
        };
        const auto give_up = [&] {
            ranges.resize(before);
            add(0, word.size());
        };
        match(word, ids, add, give_up);
    }

    void for_each_likely_word(const std::function<void(std::string_view)>& visit) const override {
        const std::string& prefix = options_.continuing_prefix;
        const StringList& tokens = options_.vocabulary->tokens();
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            const std::string_view token = tokens[i];
            if (!token.empty() && (prefix.empty() || !token.starts_with(prefix))) visit(token);
        }
    }

  private:
    // Calls found(begin, end) for each id; give_up() where the word comes to the unknown token.
    template <typename Found, typename GiveUp>
    void match(std::string_view word, std::vector<TokenId>& ids, Found&& found, GiveUp&& give_up) const {
        const std::size_t before = ids.size();
        bool known = !is_too_long(word);
        for (std::size_t start = 0; known && start < word.size();) {
            std::size_t length = 0;
            TokenId id = 0;
            const ByteTrie& trie = start == 0 ? first_ : continuing_;
            trie.for_each_prefix(word.substr(start), [&](std::size_t size, TokenId value) {
                length = size;
                id = value;
            });
            known = length != 0;
            ids.push_back(id);
            found(start, start + length);
            start += length;
        }
        if (!known) {
            ids.resize(before);
            ids.push_back(options_.unknown_id);
            give_up();
        }
    }

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
