// Gathering input rows into ActiveRows: the door through which data enter the core.
#pragma once

#include <algorithm>

#include "by_column.h"
#include "kernels.h"
#include "noise.h"
#include "rows.h"
#include "types.h"
#include "units.h"

namespace truezero {

// Storage of gathered rows; `whole`: they are made as matrices.
template <class T>
struct Gathered {
  ActiveRows<T> view;
  Buffer<std::int32_t> rows;
  Buffer<std::int64_t> start;
  Buffer<std::int32_t> example;
  Buffer<T> value;
  Index stride;
  Buffer<T> dense;  // [row][stride]: dense input as it was read

  Gathered(const RowsView& input, Index max_rows, Index max_entries, bool whole)
      : rows(std::min(input.n_cols, max_entries) + 1), start(std::min(input.n_cols, max_entries) + 1),
        example(max_entries + 1), value(max_entries + 1), stride((input.n_cols + 15) / 16 * 16),
        dense(whole ? max_rows * stride : 0) {}
};

// What of dense input is listed: its non-zeros, everything, or nothing as it is used as a matrix.
enum class Listed { non_zeros, all, nothing };

// One row of a minibatch: dense, or its non-zeros with their columns.
template <class T>
struct RowView {
  const std::int32_t* column;  // null: dense
  const T* value;
  Index n;

  template <class Use>
  void each_non_zero(Use&& use) const {
    for (Index k = 0; k < n; ++k) {
      if (value[k] != 0) use(column ? static_cast<Index>(column[k]) : k, value[k]);
    }
  }
};

// Whoever wants to see the rows of a minibatch as they are gathered, before and after the noise.
struct NobodyLooks {
  template <class Row>
  void clean(Index, const Row&) {}
  template <class Row>
  void noisy(Index, const Row&) {}
};

template <class T>
class Gather {
 public:
  // For up to max_rows rows with up to max_entries non-zeros in all.
  Gather(const RowsView& input, const Kernels<T>& kernels, Index max_rows, Index max_entries, Listed listed,
         bool whole)
      : input_(input), kernels_(kernels), listed_(listed), whole_(whole), bits_((max_rows + 31) / 32 * 16),
        entries_(whole ? 0 : input.n_cols, max_rows, whole ? 0 : max_entries), unsorted_(whole ? 0 : max_entries),
        hits_(whole ? 0 : input.n_cols + 1) {}

  // Goes over to other input of the same kind and width.
  void use(const RowsView& input) { input_ = input; }

  // The non-zero entries of rows position[0] .. position[n - 1] after the noise, whose draws are addressed by
  // ids. Of CSR it costs what the non-zeros cost (and one bit per column), and with pepper a word per column.
  template <class Look = NobodyLooks>
  void gather(Gathered<T>& to, const std::int64_t* position, Index n, const std::int64_t* ids = nullptr,
              const Noise<T>& noise = {}, Look&& look = {}) {
    if (whole_) return gather_whole(to, position, n, ids, noise, look);
    entries_.clear();
    for (Index b = 0; b < n; ++b) {
      const Index first = entries_.n();
      read_sparse<T>(input_, position[b], [&](std::int32_t column, T value) { add(column, value); });
      look.clean(b, row_from(first));
      if (ids) disturb_sparse(first, static_cast<std::uint32_t>(ids[b]), noise);
      look.noisy(b, row_from(first));
      entries_.end_example(b);
    }
    const Index n_rows = entries_.sort(n, to.rows.get(), to.start.get(), to.example.get(),
                                       [&](Index k, Index at) { to.value[at] = unsorted_[k]; });
    to.view = view(to, n_rows, n);
  }

  // Most non-zeros of any of the given stretches of rows; what a Gather needs room for.
  static Index most_entries(const RowsView& input, const std::int64_t* order, Index n_order, Index stretch,
                            const Noise<T>& noise = {}) {
    // Room that is not needed costs nothing.
    if (!input.sparse || noise.whole() || noise.ones.any()) return input.n_cols * std::min(stretch, n_order);
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
  template <class Look>
  void gather_whole(Gathered<T>& to, const std::int64_t* position, Index n, const std::int64_t* ids,
                    const Noise<T>& noise, Look&& look) {
    for (Index b = 0; b < n; ++b) {
      T* x = to.dense.get() + b * to.stride;
      if (input_.sparse) {
        std::fill_n(x, input_.n_cols, T(0));
        read_sparse<T>(input_, position[b], [&](std::int32_t column, T value) { x[column] = value; });
      } else {
        read_dense(input_, position[b], 0, input_.n_cols, x);
      }
      std::fill(x + input_.n_cols, x + to.stride, T(0));
      look.clean(b, RowView<T>{nullptr, x, input_.n_cols});
      if (ids) disturb(kernels_, noise, static_cast<std::uint32_t>(ids[b]), input_.n_cols, x);
      look.noisy(b, RowView<T>{nullptr, x, input_.n_cols});
    }
    if (listed_ == Listed::nothing) return;
    const UnitLists<T> lists = {to.rows.get(), to.start.get(), to.example.get(), to.value.get(), bits_.get()};
    to.view = view(to, kernels_.collect_units(to.dense.get(), to.dense.get(), n, input_.n_cols, to.stride, 0,
                                              listed_ == Listed::all, lists), n);
  }

  ActiveRows<T> view(const Gathered<T>& of, std::int64_t n_rows, Index n) const {
    return {n_rows, of.rows.get(), of.start.get(), of.example.get(), of.value.get(),
            of.start[n_rows] == n * input_.n_cols ? n : 0};
  }

  void add(std::int32_t column, T value) {
    unsorted_[entries_.n()] = value;
    entries_.add(column);
  }

  RowView<T> row_from(Index first) const { return {entries_.columns() + first, unsorted_.get() + first, entries_.n() - first}; }

  // The noise on the last example's entries, which start at `first`.
  void disturb_sparse(Index first, std::uint32_t id, const Noise<T>& noise) {
    const Index n_hits = noise.ones.any() ? pepper(first, id, noise.ones) : 0;
    if (noise.dropout.any()) drop(first, id, noise.dropout, noise.keep);
    if (noise.zeros.any()) drop(first, id, noise.zeros, T(1));
    for (Index i = 0; i < n_hits; ++i) add(hits_[i], T(1));
  }

  // Lists, in hits_, the columns that become 1: hit, and 0 until now. Both lists ascend.
  Index pepper(Index first, std::uint32_t id, const Draw& ones) {
    Index n_hits = 0;
    each_words(kernels_, ones, id, 0, input_.n_cols, [&](Index at, Index count, const std::uint32_t* words) {
      n_hits += kernels_.list_hits(words, count, ones.highest(), static_cast<std::int32_t>(at), hits_.get() + n_hits);
    });
    Index kept = 0, k = first;
    for (Index i = 0; i < n_hits; ++i) {
      while (k < entries_.n() && entries_.columns()[k] < hits_[i]) ++k;
      if (k == entries_.n() || entries_.columns()[k] != hits_[i]) hits_[kept++] = hits_[i];
    }
    return kept;
  }

  void drop(Index first, std::uint32_t id, const Draw& draw, T keep) {
    std::int32_t* column = entries_.columns();
    Index kept = first, block = -1;
    Words words{};
    for (Index k = first; k < entries_.n(); ++k) {
      if (column[k] / 4 != block) {
        block = column[k] / 4;
        words = draw.words(id, block);
      }
      if (words[static_cast<std::size_t>(column[k] % 4)] < draw.threshold) continue;
      column[kept] = column[k];
      unsorted_[kept++] = unsorted_[k] * keep;
    }
    entries_.shorten(kept);
  }

  RowsView input_;
  const Kernels<T>& kernels_;
  Listed listed_;
  bool whole_;
  Buffer<std::uint32_t> bits_;
  // Of CSR: entries example after example, and the columns where noise puts a 1.
  ByColumn entries_;
  Buffer<T> unsorted_;
  Buffer<std::int32_t> hits_;
};

}  // namespace truezero
