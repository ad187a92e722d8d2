#include "tokenize/words/shared_word_cache.hpp"

#include <utility>

#include "common/prefetch.hpp"

namespace pypack {

void SharedWordCache::Session::pause() {
    lock_.unlock();
    {
        // Not taken again before whoever asked is done.
        const std::lock_guard until_done(cache_.changing_);
    }
    lock_.lock();
}

// Calls change() while no other thread uses the cache, unless another has made it while this one waited.
template <typename IsNeeded, typename Change>
void SharedWordCache::Session::alone(IsNeeded&& is_needed, Change&& change) {
    struct Asking {
        explicit Asking(std::atomic<bool>& asked) : asked_(asked) { set(true); }
        ~Asking() { set(false); }
        void set(bool value) { asked_.store(value, std::memory_order_relaxed); }
        std::atomic<bool>& asked_;
    };
    lock_.unlock();
    {
        const std::lock_guard changing(cache_.changing_);
        if (is_needed()) {
            const Asking asking(cache_.asked_);
            const std::lock_guard tables(cache_.tables_);
            change();
        }
    }
    lock_.lock();
}

void SharedWordCache::Session::insert(const WordKey& key, std::span<const TokenId> ids) {
    ShortWordCache& words = cache_.short_words_;
    if (words.find(key) != nullptr) return;
    ShortWordCache::Insertion done = words.insert(key, ids);
    if (done == ShortWordCache::Insertion::kNoRoom) {
        alone([&] { return words.needs_room(ids.size()); }, [&] { words.make_room(ids.size()); });
        done = words.insert(key, ids);
    }
    if (done == ShortWordCache::Insertion::kDone) {
        if (++uncounted_ == kCountedTogether) count();
        return;
    }
    homeless_ids_.insert(homeless_ids_.end(), ids.begin(), ids.end());
    homeless_.push_back({key, homeless_ids_.size()});
}

void SharedWordCache::Session::insert(std::string_view word, std::uint64_t hash,
                                      std::span<const TokenId> ids) {
    LongWordCache& words = cache_.long_words_;
    if (!words.find(word, hash).empty() || words.insert(word, hash, ids)) return;
    alone([&] { return words.needs_room(word, ids); }, [&] { words.make_room(word, ids); });
    (void)words.insert(word, hash, ids);  // if others have used the room up, another time
}

void SharedWordCache::Session::count() {
    cache_.short_words_.count_words(std::exchange(uncounted_, 0));
}

void SharedWordCache::Session::place_homeless() {
    if (homeless_.empty()) return;
    if (homeless_.size() >= kMostHomeless) {
        alone([] { return true; }, [&] { place_all(); });
        return;
    }
    lock_.unlock();
    if (const std::unique_lock tables(cache_.tables_, std::try_to_lock); tables) place_all();
    lock_.lock();
}

void SharedWordCache::Session::place_all() {
    const ShortWordCache::Lines lines = cache_.short_words_.lines();
    for (const Homeless& word : homeless_) prefetch(&lines[lines.index_of(word.key.hash())]);
    std::size_t begin = 0;
    for (const Homeless& word : homeless_) {
        cache_.short_words_.place(word.key, std::span(homeless_ids_).subspan(begin, word.end - begin));
        begin = word.end;
    }
    homeless_.clear();
    homeless_ids_.clear();
}

}  // namespace pypack
