#include "tokenize/models/wordlevel_model.hpp"

#include <utility>

namespace pypack {
namespace {

class WordLevelModel final : public Model {
  public:
    WordLevelModel(VocabularyPtr vocabulary, TokenId unknown_id)
        : vocabulary_(std::move(vocabulary)), unknown_id_(unknown_id) {}

    [[nodiscard]] std::unique_ptr<Workspace> make_workspace() const override {
        return std::make_unique<Workspace>();
    }

    void tokenize(std::string_view word, Workspace&, std::vector<TokenId>& ids) const override {
        const TokenId id = (*vocabulary_)[word];
        ids.push_back(id == kNoToken ? unknown_id_ : id);
    }

    void tokenize_aligned(std::string_view word, Workspace& workspace, std::vector<TokenId>& ids,
                          std::vector<ByteRange>& ranges) const override {
        tokenize(word, workspace, ids);
        ranges.push_back({0, static_cast<std::uint32_t>(word.size())});
    }

    void for_each_likely_word(const std::function<void(std::string_view)>& visit) const override {
        const StringList& tokens = vocabulary_->tokens();
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            if (!tokens[i].empty()) visit(tokens[i]);
        }
    }

  private:
    VocabularyPtr vocabulary_;
    TokenId unknown_id_;
};

}  // namespace

ModelPtr make_wordlevel_model(VocabularyPtr vocabulary, TokenId unknown_id) {
    return std::make_shared<WordLevelModel>(std::move(vocabulary), unknown_id);
}

}  // namespace pypack
