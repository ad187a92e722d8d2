#include "pack/best_fit/permute_words.hpp"

#include "common/instructions.hpp"
#include "common/prefetch.hpp"
#include "pack/best_fit/column_writer.hpp"
#include "pack/best_fit/permute.hpp"

namespace pypack {

namespace {

// Windows of a stride: each a column, to which the words of neighbouring indices go.
class WindowColumns {
  public:
    WindowColumns(const StrideWindows& windows, const StrideWindows::Batch& batch, const FullWords& out)
        : out_(out) {
        std::int64_t image = windows.first_image(batch.first);
        for (std::int64_t i = 0; i < batch.count; ++i, image = windows.next_image(image)) {
            images_[i] = image;
            columns_[i] = out.place(image);
            are_runs_ = are_runs_ && out.run(image, batch.length) == batch.length;
        }
    }

    // Whether all columns follow one another in memory, so that rows_to_columns() can write them.
    [[nodiscard]] bool are_runs() const { return are_runs_; }
    [[nodiscard]] std::uint64_t** columns() { return columns_; }

    // One word to each of the columns from `window` on, however they lie in memory.
    void put(const std::uint64_t* words, std::int64_t size, std::int64_t window) {
        for (std::int64_t i = window; i < window + size; ++i) {
            FullWords::store(are_runs_ ? columns_[i]++ : out_.place(images_[i]++), *words++);
        }
    }

  private:
    FullWords out_;
    bool are_runs_ = true;
    std::int64_t images_[StrideWindows::kBatch];
    std::uint64_t* columns_[StrideWindows::kBatch];
};

}  // namespace

void permute_words(const GoldenStride& stride, std::int64_t size, int num_threads, const std::uint64_t* words,
                   const FullWords& out) {
    if (is_permuted_in_cache(stride, size)) {
        permute(
            stride, size, num_threads, [](std::int64_t) {},
            [=](std::int64_t image, std::int64_t i) { FullWords::store(out.place(image), words[i]); });
        return;
    }
    const StrideWindows windows(stride, size);
    const Instructions instructions = resolve(Instructions::kBest);
    parallel_for(windows.num_batches(), num_threads, [&](std::int64_t number) {
        const StrideWindows::Batch batch = windows.batch(number);
        WindowColumns targets(windows, batch, out);
        ColumnWriter writer(targets.columns(), instructions);
        writer.aim(0, batch.count);
        windows.each(
            batch, [=](std::int64_t i) { prefetch_run(words + i, StrideWindows::kBatch); },
            [&](std::int64_t begin, std::int64_t end, std::int64_t window) {
                if (targets.are_runs() && end - begin == batch.count) return writer.add(words + begin);
                writer.flush();
                targets.put(words + begin, end - begin, window);
            });
        writer.flush();
    });
}

}  // namespace pypack
