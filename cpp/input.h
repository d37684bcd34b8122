// Gathering input rows into ActiveRows: the door through which data enter the core.
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels.h"
#include "philox.h"
#include "types.h"
#include "units.h"

namespace truezero {

// Numbers of a dense row, first .. first + n, as T.
template <class T>
void read_dense(const RowsView& input, Index row, Index first, Index n, T* to) {
  const auto convert = [&](auto source) {
    const auto* x = static_cast<const decltype(source)*>(input.data) + row * input.row_stride + first;
    const T scale = static_cast<T>(input.scale);
    for (Index j = 0; j < n; ++j) to[j] = static_cast<T>(x[j]) * scale;
  };
  if (input.number == (sizeof(T) == 4 ? Number::f32 : Number::f64) && input.scale == 1) {
    std::copy_n(static_cast<const T*>(input.data) + row * input.row_stride + first, n, to);
    return;
  }
  switch (input.number) {
    case Number::u8: return convert(std::uint8_t{});
    case Number::f32: return convert(float{});
    case Number::f64: return convert(double{});
  }
}

// Storage of gathered rows.
template <class T>
struct Gathered {
  ActiveRows<T> view;
  Buffer<std::int32_t> rows;
  Buffer<std::int64_t> start;
  Buffer<std::int32_t> example;
  Buffer<T> value;
  Index stride;
  Buffer<T> dense;  // [row][stride]: dense input as it was read

  Gathered(const RowsView& input, Index max_rows, Index max_entries)
      : rows(std::min(input.n_cols, max_entries) + 1), start(std::min(input.n_cols, max_entries) + 1),
        example(max_entries + 1), value(max_entries + 1), stride((input.n_cols + 15) / 16 * 16),
        dense(input.sparse ? 0 : max_rows * stride) {}
};

// What of dense input is listed: its non-zeros, everything, or nothing as it is used as a matrix.
enum class Listed { non_zeros, all, nothing };

template <class T>
class Gather {
 public:
  // For up to max_rows rows with up to max_entries non-zeros in all.
  Gather(const RowsView& input, const Kernels<T>& kernels, Index max_rows, Index max_entries, Listed listed)
      : input_(input), kernels_(kernels), listed_(listed), bits_((max_rows + 31) / 32 * 16),
        count_(input.sparse ? input.n_cols : 0), touched_((input.n_cols + 63) / 64),
        column_(input.sparse ? max_entries : 0), unsorted_(input.sparse ? max_entries : 0), end_(max_rows) {
    std::fill_n(count_.get(), input.sparse ? input.n_cols : 0, 0);
    std::fill_n(touched_.get(), (input.n_cols + 63) / 64, 0);
  }

  // Goes over to other input of the same kind and width.
  void use(const RowsView& input) { input_ = input; }

  // The non-zero entries of rows position[0] .. position[n - 1]; with dropout, of those kept, times
  // keep. Of CSR it costs what the non-zeros cost (and one bit per column).
  void gather(Gathered<T>& to, const std::int64_t* position, Index n, const std::int64_t* ids = nullptr,
              const Dropout& dropout = {}, T keep = 1) {
    if (!input_.sparse) return gather_dense(to, position, n, ids, dropout, keep);
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
    to.view = by_column(to, n);
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
  void gather_dense(Gathered<T>& to, const std::int64_t* position, Index n, const std::int64_t* ids,
                    const Dropout& dropout, T keep) {
    for (Index b = 0; b < n; ++b) {
      T* x = to.dense.get() + b * to.stride;
      read_dense(input_, position[b], 0, input_.n_cols, x);
      std::fill(x + input_.n_cols, x + to.stride, T(0));
      if (dropout.any()) drop_units(dropout, static_cast<std::uint32_t>(ids[b]), 0, input_.n_cols, keep, x);
    }
    if (listed_ == Listed::nothing) return;
    const UnitLists<T> lists = {to.rows.get(), to.start.get(), to.example.get(), to.value.get(), bits_.get()};
    const std::int64_t n_rows =
        kernels_.collect_units(to.dense.get(), to.dense.get(), n, input_.n_cols, to.stride, 0, listed_ == Listed::all, lists);
    to.view = {n_rows, to.rows.get(), to.start.get(), to.example.get(), to.value.get(), full(to.start[n_rows], n)};
  }

  std::int64_t full(std::int64_t n_entries, Index n) const { return n_entries == n * input_.n_cols ? n : 0; }

  template <class Source>
  void read(Index row) {
    const T scale = static_cast<T>(input_.scale);
    const Source* data = static_cast<const Source*>(input_.data);
    for (Index k = input_.indptr[row]; k < input_.indptr[row + 1]; ++k) {
      const T value = static_cast<T>(data[k]) * scale;
      if (value == 0) continue;
      column_[n_] = input_.wide_indices ? static_cast<std::int32_t>(static_cast<const std::int64_t*>(input_.indices)[k])
                                        : static_cast<const std::int32_t*>(input_.indices)[k];
      unsorted_[n_++] = value;
    }
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
  ActiveRows<T> by_column(Gathered<T>& to, Index n) {
    for (Index k = 0; k < n_; ++k) {
      ++count_[column_[k]];
      touched_[column_[k] / 64] |= std::uint64_t{1} << (column_[k] % 64);
    }
    Index n_rows = 0, total = 0;
    for (Index word = 0; word < (input_.n_cols + 63) / 64; ++word) {
      for (std::uint64_t bits = touched_[word]; bits != 0; bits &= bits - 1) {
        const Index column = word * 64 + __builtin_ctzll(bits);
        to.rows[n_rows] = static_cast<std::int32_t>(column);
        to.start[n_rows++] = total;
        total += count_[column];
        count_[column] = to.start[n_rows - 1];
      }
      touched_[word] = 0;
    }
    to.start[n_rows] = total;
    for (Index b = 0, k = 0; b < n; ++b) {
      for (; k < end_[b]; ++k) {
        const Index at = count_[column_[k]]++;
        to.example[at] = static_cast<std::int32_t>(b);
        to.value[at] = unsorted_[k];
      }
    }
    for (Index i = 0; i < n_rows; ++i) count_[to.rows[i]] = 0;
    return {n_rows, to.rows.get(), to.start.get(), to.example.get(), to.value.get(), full(total, n)};
  }

  RowsView input_;
  const Kernels<T>& kernels_;
  Listed listed_;
  Buffer<std::uint32_t> bits_;
  // Of CSR: counts and marks per column, entries example after example, and where each example's end.
  Index n_ = 0;
  Buffer<std::int64_t> count_;
  Buffer<std::uint64_t> touched_;
  Buffer<std::int32_t> column_;
  Buffer<T> unsorted_;
  Buffer<std::int64_t> end_;
};

}  // namespace truezero
