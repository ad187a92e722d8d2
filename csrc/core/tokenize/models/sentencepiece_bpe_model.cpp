#include <queue>
#include <unordered_map>
#include <utility>

#include "tokenize/models/sentencepiece_models.hpp"
#include "tokenize/models/sentencepiece_pieces.hpp"

namespace pypack {
namespace {

constexpr int kMostDepth = 100;  // of unused pieces within each other

// Merges the pair whose piece has the highest score, of equal ones the leftmost, until none makes a piece.
class SentencePieceBpe final : public Model {
  public:
    explicit SentencePieceBpe(const SentencePieceOptions& options)
        : pieces_(options),
          symbols_(pieces_.trie([&](TokenId id) { return pieces_.kind(id) == PieceKind::kUserDefined; })),
          table_(texts_) {
        std::vector<TokenId> ids;
        for (TokenId id = 0; id < pieces_.size(); ++id) {
            if (!pieces_.is_text(id)) continue;
            texts_.push_back(pieces_.text(id));
            ids.push_back(id);
        }
        table_ = TokenTable(texts_);
        for (std::uint32_t i = 0; i < ids.size(); ++i) table_.insert(i, ids[i]);
    }

    [[nodiscard]] std::unique_ptr<Workspace> make_workspace() const override {
        return std::make_unique<Workspace>();
    }

    void tokenize(std::string_view word, Workspace&, std::vector<TokenId>& ids) const override {
        std::vector<Symbol> symbols = cut(word);
        std::priority_queue<Merge> agenda;
        Made made;
        const auto add = [&](int left, int right) {
            if (left < 0 || right < 0) return;
            const Symbol& a = symbols[static_cast<std::size_t>(left)];
            const Symbol& b = symbols[static_cast<std::size_t>(right)];
            if (a.frozen || b.frozen) return;
            const std::string_view both = word.substr(a.begin, a.size + b.size);
            const TokenId id = table_[both];
            if (id == kNoToken) return;
            agenda.push({pieces_.score(id), left, right, both.size()});
            if (pieces_.kind(id) == PieceKind::kUnused) made[both] = a.size;
        };
        for (int i = 1; i < static_cast<int>(symbols.size()); ++i) add(i - 1, i);
        while (!agenda.empty()) {
            const Merge top = agenda.top();
            agenda.pop();
            Symbol& left = symbols[static_cast<std::size_t>(top.left)];
            Symbol& right = symbols[static_cast<std::size_t>(top.right)];
            if (left.size == 0 || right.size == 0 || left.size + right.size != top.size) continue;
            left.size += right.size;
            left.next = right.next;
            if (right.next >= 0) symbols[static_cast<std::size_t>(right.next)].previous = top.left;
            right.size = 0;
            add(left.previous, top.left);
            add(top.left, left.next);
        }
        bool after_unknown = false;
        for (int i = symbols.empty() ? -1 : 0; i >= 0; i = symbols[static_cast<std::size_t>(i)].next) {
            const Symbol& symbol = symbols[static_cast<std::size_t>(i)];
            append(word.substr(symbol.begin, symbol.size), made, 0, after_unknown, ids);
        }
    }

    void tokenize_aligned(std::string_view, Workspace&, std::vector<TokenId>&,
                          std::vector<ByteRange>&) const override {
        throw std::invalid_argument("offsets have no native form for a SentencePiece model");
    }

    void for_each_likely_word(const std::function<void(std::string_view)>&) const override {}

    // Unknown characters side by side are one, and what unused pieces are made of is known by the whole text.
    [[nodiscard]] std::unique_ptr<const WordCutter> make_cutter() const override {
        if (!pieces_.byte_fallback() || pieces_.has(PieceKind::kUnused)) return nullptr;
        return std::make_unique<const WordCutter>(texts_, StringList{});
    }

  private:
    struct Symbol {
        std::size_t begin;
        std::size_t size;  // 0: merged into another
        int previous;
        int next;  // negative: none
        bool frozen;
    };

    struct Merge {
        float score;
        int left;
        int right;
        std::size_t size;

        // Whether the other one comes first.
        bool operator<(const Merge& other) const {
            return score < other.score || (score == other.score && left > other.left);
        }
    };

    using Made = std::unordered_map<std::string_view, std::size_t>;  // unused piece -> size of its left side

    [[nodiscard]] std::vector<Symbol> cut(std::string_view word) const {
        std::vector<Symbol> symbols;
        for (std::size_t at = 0; at < word.size();) {
            std::size_t size = 0;
            symbols_.for_each_prefix(word.substr(at), [&](std::size_t found, TokenId) { size = found; });
            const bool frozen = size != 0;
            if (!frozen) size = std::min(utf8_length(word[at]), word.size() - at);
            const auto index = static_cast<int>(symbols.size());
            symbols.push_back({at, size, index - 1, index + 1, frozen});
            at += size;
        }
        if (!symbols.empty()) symbols.back().next = -1;
        return symbols;
    }

    // Unused pieces fall apart into what they were made of.
    void append(std::string_view part, const Made& made, int depth, bool& after_unknown,
                std::vector<TokenId>& ids) const {
        const TokenId id = table_[part];
        if (id == kNoToken || pieces_.kind(id) != PieceKind::kUnused) {
            pieces_.append(id == kNoToken ? pieces_.unknown() : id, part, after_unknown, ids);
            return;
        }
        const auto sides = made.find(part);
        if (sides == made.end()) {
            pieces_.append(pieces_.unknown(), part, after_unknown, ids);
        } else if (depth > kMostDepth) {
            pieces_.append(id, part, after_unknown, ids);
        } else {
            append(part.substr(0, sides->second), made, depth + 1, after_unknown, ids);
            append(part.substr(sides->second), made, depth + 1, after_unknown, ids);
        }
    }

    SentencePieces pieces_;
    ByteTrie symbols_;
    StringList texts_;  // of the pieces that text can come to
    TokenTable table_;
};

}  // namespace

ModelPtr make_sentencepiece_bpe(const SentencePieceOptions& options) {
    return std::make_shared<SentencePieceBpe>(options);
}

}  // namespace pypack
