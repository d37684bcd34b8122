// Gathering input rows into ActiveRows: the door through which data enter the core.
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels.h"
#include "philox.h"
#include "types.h"

namespace truezero {

template <class T>
class Gather {
 public:
  // For up to max_rows rows with up to max_entries non-zeros in all.
  Gather(const RowsView& input, Index max_rows, Index max_entries)
      : input_(input), count_(input.n_cols), touched_((input.n_cols + 63) / 64),
        column_(max_entries), unsorted_(max_entries), end_(max_rows), rows_(std::min(input.n_cols, max_entries)),
        start_(std::min(input.n_cols, max_entries) + 1), example_(max_entries), value_(max_entries) {
    std::fill_n(count_.get(), input.n_cols, 0);
    std::fill_n(touched_.get(), (input.n_cols + 63) / 64, 0);
  }

  // The non-zero entries of rows position[0] .. position[n - 1]; with dropout, of those kept, times
  // keep. Costs what the non-zeros cost (and one bit per column).
  ActiveRows<T> gather(const std::int64_t* position, Index n, const std::int64_t* ids = nullptr,
                       const Dropout& dropout = {}, T keep = 1) {
    n_ = 0;
    for (Index b = 0; b < n; ++b) {
      switch (input_.number) {
        case Number::u8: read<std::uint8_t>(position[b]); break;
        case Number::f32: read<float>(position[b]); break;
        case Number::f64: read<double>(position[b]); break;
      }
      if (dropout.any()) drop(b, static_cast<std::uint32_t>(ids[b]), dropout, keep);
      end_[b] = n_;
    }
    return by_column(n);
  }

  // Most non-zeros of any of the given stretches of rows; what a Gather needs room for.
  static Index most_entries(const RowsView& input, const std::int64_t* order, Index n_order, Index stretch) {
    if (!input.sparse) return input.n_cols * std::min(stretch, n_order);
    Index most = 0;
    for (Index start = 0; start < n_order; start += stretch) {
      Index entries = 0;
      for (Index i = start; i < std::min(start + stretch, n_order); ++i) {
        const Index row = order ? order[i] : i;
        entries += input.indptr[row + 1] - input.indptr[row];
      }
      most = std::max(most, entries);
    }
    return most;
  }

 private:
  template <class Source>
  void read(Index row) {
    const T scale = static_cast<T>(input_.scale);
    const Source* data = static_cast<const Source*>(input_.data);
    if (input_.sparse) {
      for (Index k = input_.indptr[row]; k < input_.indptr[row + 1]; ++k) {
        const Index column = input_.wide_indices ? static_cast<Index>(static_cast<const std::int64_t*>(input_.indices)[k])
                                                 : static_cast<const std::int32_t*>(input_.indices)[k];
        put(column, static_cast<T>(data[k]) * scale);
      }
      return;
    }
    const Source* x = data + row * input_.row_stride;
    Index column = 0;
    for (; column + 8 <= input_.n_cols; column += 8) {
      bool any = false;  // most of an image is empty: look at eight numbers at a time
      for (int k = 0; k < 8; ++k) any |= x[column + k] != 0;
      if (!any) continue;
      for (int k = 0; k < 8; ++k) put(column + k, static_cast<T>(x[column + k]) * scale);
    }
    for (; column < input_.n_cols; ++column) put(column, static_cast<T>(x[column]) * scale);
  }

  void put(Index column, T value) {
    if (value == 0) return;
    column_[n_] = static_cast<std::int32_t>(column);
    unsorted_[n_++] = value;
  }

  void drop(Index b, std::uint32_t id, const Dropout& dropout, T keep) {
    const Index first = b == 0 ? 0 : end_[b - 1];
    Index kept = first, block = -1;
    Words words{};
    for (Index k = first; k < n_; ++k) {
      const Index column = column_[k];
      if (column / 4 != block) {
        block = column / 4;
        words = dropout.words(id, static_cast<std::uint32_t>(block));
      }
      if (words[static_cast<std::size_t>(column % 4)] < dropout.threshold) continue;
      column_[kept] = column_[k];
      unsorted_[kept++] = unsorted_[k] * keep;
    }
    n_ = kept;
  }

  // Counting sort by column; only touched columns are visited, and left zero for the next time.
  ActiveRows<T> by_column(Index n) {
    for (Index k = 0; k < n_; ++k) {
      ++count_[column_[k]];
      touched_[column_[k] / 64] |= std::uint64_t{1} << (column_[k] % 64);
    }
    Index n_rows = 0, total = 0;
    for (Index word = 0; word < (input_.n_cols + 63) / 64; ++word) {
      for (std::uint64_t bits = touched_[word]; bits != 0; bits &= bits - 1) {
        const Index column = word * 64 + __builtin_ctzll(bits);
        rows_[n_rows] = static_cast<std::int32_t>(column);
        start_[n_rows++] = total;
        total += count_[column];
        count_[column] = start_[n_rows - 1];
      }
      touched_[word] = 0;
    }
    start_[n_rows] = total;
    for (Index b = 0, k = 0; b < n; ++b) {
      for (; k < end_[b]; ++k) {
        const Index to = count_[column_[k]]++;
        example_[to] = static_cast<std::int32_t>(b);
        value_[to] = unsorted_[k];
      }
    }
    for (Index i = 0; i < n_rows; ++i) count_[rows_[i]] = 0;
    return {n_rows, rows_.get(), start_.get(), example_.get(), value_.get()};
  }

  RowsView input_;
  Index n_ = 0;
  Buffer<std::int64_t> count_;
  Buffer<std::uint64_t> touched_;
  Buffer<std::int32_t> column_;  // of the entries, example after example
  Buffer<T> unsorted_;
  Buffer<std::int64_t> end_;  // of each example's entries
  Buffer<std::int32_t> rows_;
  Buffer<std::int64_t> start_;
  Buffer<std::int32_t> example_;
  Buffer<T> value_;
};

}  // namespace truezero
