// Entries of a minibatch, example after example, put in order by column.
#pragma once

#include <algorithm>

#include "types.h"

namespace truezero {

// A counting sort; only touched columns are visited, and left zero for the next time.
class ByColumn {
 public:
  // For up to max_entries entries of up to max_examples examples.
  ByColumn(Index n_cols, Index max_examples, Index max_entries)
      : n_cols_(n_cols), count_(n_cols), touched_((n_cols + 63) / 64), column_(max_entries), end_(max_examples) {
    std::fill_n(count_.get(), n_cols, 0);
    std::fill_n(touched_.get(), (n_cols + 63) / 64, 0);
  }

  void clear() { n_ = 0; }
  void add(Index column) { column_[n_++] = static_cast<std::int32_t>(column); }
  void shorten(Index n) { n_ = n; }
  Index n() const { return n_; }
  std::int32_t* columns() const { return column_.get(); }
  void end_example(Index b) { end_[b] = n_; }

  // Fills rows (the touched columns, ascending), start and example; place(k, at) is told where entry k goes.
  // Returns the number of rows.
  template <class Place>
  Index sort(Index n_examples, std::int32_t* rows, std::int64_t* start, std::int32_t* example, Place&& place) {
    for (Index k = 0; k < n_; ++k) {
      ++count_[column_[k]];
      touched_[column_[k] / 64] |= std::uint64_t{1} << (column_[k] % 64);
    }
    Index n_rows = 0, total = 0;
    for (Index word = 0; word < (n_cols_ + 63) / 64; ++word) {
      for (std::uint64_t bits = touched_[word]; bits != 0; bits &= bits - 1) {
        const Index column = word * 64 + __builtin_ctzll(bits);
        rows[n_rows] = static_cast<std::int32_t>(column);
        start[n_rows++] = total;
        total += count_[column];
        count_[column] = start[n_rows - 1];
      }
      touched_[word] = 0;
    }
    start[n_rows] = total;
    for (Index b = 0, k = 0; b < n_examples; ++b) {
      for (; k < end_[b]; ++k) {
        const Index at = count_[column_[k]]++;
        example[at] = static_cast<std::int32_t>(b);
        place(k, at);
      }
    }
    for (Index i = 0; i < n_rows; ++i) count_[rows[i]] = 0;
    return n_rows;
  }

 private:
  Index n_cols_, n_ = 0;
  Buffer<std::int64_t> count_;
  Buffer<std::uint64_t> touched_;
  Buffer<std::int32_t> column_;
  Buffer<std::int64_t> end_;
};

}  // namespace truezero
