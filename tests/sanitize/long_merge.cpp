// Words of random merge tables, in any order and with any results, against the definition.
#include <algorithm>
#include <cstdio>
#include <random>
#include <vector>

#include "tokenize/models/long_merge.hpp"

namespace {

using namespace pypack;

constexpr TokenId kLetters = 3;

std::vector<TokenId> merged(const MergeTable& table, std::vector<TokenId> symbols) {
    while (true) {
        MergeTable::Merged lowest;
        std::size_t place = 0;
        for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
            const MergeTable::Merged found = table[{symbols[i], symbols[i + 1]}];
            if (found.rank < lowest.rank) {
                lowest = found;
                place = i;
            }
        }
        if (lowest.rank == kNoRank) return symbols;
        symbols[place] = lowest.result;
        symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(place) + 1);
    }
}

}  // namespace

int main() {
    std::mt19937 source(1);
    const auto below = [&](std::size_t bound) { return static_cast<TokenId>(source() % bound); };
    for (int trial = 0; trial < 2000; ++trial) {
        std::vector<MergeTable::Merge> merges;
        TokenId next = kLetters;
        for (TokenId left = 1 + below(25); left > 0; --left, ++next) {
            const TokenId result = trial % 3 == 0 && below(4) == 0 ? below(next) : next;
            merges.push_back({{below(next), below(next)}, result});
        }
        if (trial % 2 == 0) std::shuffle(merges.begin(), merges.end(), source);
        const MergeTable table(merges);
        LongMerge merge;
        for (int word = 0; word < 6; ++word) {
            std::vector<TokenId> symbols(2 + below(120));
            const std::size_t period = word % 2 == 0 ? symbols.size() : 1 + below(4);
            for (std::size_t i = 0; i < symbols.size(); ++i) {
                symbols[i] = i < period ? below(kLetters) : symbols[i - period];
            }
            const std::vector<TokenId> expected = merged(table, symbols);
            merge.merge(table, symbols);
            if (symbols == expected) continue;
            std::printf("trial %d, word %d differs\n", trial, word);
            return 1;
        }
    }
    std::puts("ok");
    return 0;
}
