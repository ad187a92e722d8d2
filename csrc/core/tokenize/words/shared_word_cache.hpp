// The words that a tokenizer has met, and their ids, for all its threads together.
#pragma once

#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <vector>

#include "common/types.hpp"
#include "tokenize/words/word_cache.hpp"

namespace pypack {

// One pair of caches, since what one thread has tokenized the others need not, and tables that they share
// stay in the machine's caches. With a pair for each thread two threads took 1.35 times the work for new
// words.
//
// Where a table has to grow, or a word to give way, whoever inserts asks all threads to pause: rare, and each
// does so between two batches of words. (With a lock around insertion two threads lost what they gained.)
class SharedWordCache {
  public:
    explicit SharedWordCache(std::size_t expected_words) : short_words_(expected_words) {}
    SharedWordCache(const SharedWordCache&) = delete;
    SharedWordCache& operator=(const SharedWordCache&) = delete;

    // One thread's use of them, between begin() and end(). What it looks up is valid until it next inserts,
    // places homeless words or lets others go first.
    class Session {
      public:
        explicit Session(SharedWordCache& cache) : cache_(cache), lock_(cache.tables_, std::defer_lock) {}

        void begin() { lock_.lock(); }
        void end() {
            place_homeless();
            count();
            lock_.unlock();
        }

        void pause_if_asked() {
            if (cache_.asked_.load(std::memory_order_relaxed)) [[unlikely]]
                pause();
        }

        // Calls step(), which uses nothing of the caches and may take long: nobody waits for it.
        template <typename Step>
        decltype(auto) without(Step&& step) {
            struct Pause {
                explicit Pause(std::shared_lock<std::shared_mutex>& lock) : lock_(lock) { lock_.unlock(); }
                ~Pause() { lock_.lock(); }
                std::shared_lock<std::shared_mutex>& lock_;
            };
            const Pause pause(lock_);
            return step();
        }

        [[nodiscard]] const ShortWordCache& short_words() const { return cache_.short_words_; }
        [[nodiscard]] const LongWordCache& long_words() const { return cache_.long_words_; }

        // Words that are there already are passed over.
        void insert(const WordKey& key, std::span<const TokenId> ids);
        void insert(std::string_view word, std::uint64_t hash, std::span<const TokenId> ids);

        // Finds places for words that had no slot, if that is possible without waiting, or if they are many.
        void place_homeless();

      private:
        // So many that a flood of new words does not make threads pause all the time.
        static constexpr std::size_t kMostHomeless = 4096;
        // Counted one by one, each would fetch the line of the counter from another core.
        static constexpr std::size_t kCountedTogether = 64;

        struct Homeless {
            WordKey key;
            std::size_t end;  // of its ids
        };

        void pause();
        void count();
        template <typename IsNeeded, typename Change>
        void alone(IsNeeded&& is_needed, Change&& change);
        void place_all();

        SharedWordCache& cache_;
        std::shared_lock<std::shared_mutex> lock_;
        std::vector<Homeless> homeless_;
        std::vector<TokenId> homeless_ids_;
        std::size_t uncounted_ = 0;  // short words inserted
    };

  private:
    std::shared_mutex tables_;  // shared by sessions; alone: tables may change
    std::mutex changing_;
    std::atomic<bool> asked_{false};  // somebody waits to be alone
    ShortWordCache short_words_;
    LongWordCache long_words_;
};

}  // namespace pypack
