// A minibatch's entries in the orders that suit the passes of training.
#pragma once

#include <algorithm>
#include <utility>

#include "kernels.h"
#include "types.h"

namespace truezero {

// Storage of the entries of a list, sorted: by counting, so it costs some operations an entry.
template <class T>
class EntryLists {
 public:
  EntryLists(Index max_examples, Index max_rows, Index max_entries)
      : rows_(max_rows), start_(max_rows + 1), example_(max_entries), value_(max_entries),
        classes_(blocks(max_rows, kSegmentRows) * (kClasses + 2)),
        block_start_(blocks(max_rows, kBlockRows) * (max_examples + 1)), block_row_(max_entries),
        block_value_(max_entries) {}

  // Of n examples. `sort`: rows by how many examples touch them, else as they are. The list must stay where it is.
  void arrange(const ActiveRows<T>& active, Index n, bool sort) {
    entries_ = {active, active.rows, blocks(active.n_rows, kSegmentRows), classes_.get(), {}};
    if (active.full || !sort) {  // all rows are of one class
      const Index last = sort ? std::min<Index>(n, kClasses + 1) : kClasses + 1;
      for (Index segment = 0; segment < entries_.n_segments; ++segment) {
        std::int32_t* classes = classes_.get() + segment * (kClasses + 2);
        std::fill_n(classes, last, static_cast<std::int32_t>(segment * kSegmentRows));
        std::fill(classes + last, classes + kClasses + 2,
                  static_cast<std::int32_t>(std::min((segment + 1) * kSegmentRows, active.n_rows)));
      }
    } else {
      start_[0] = 0;
      for (Index segment = 0; segment < entries_.n_segments; ++segment) sort_segment(active, segment);
      entries_.rows = {active.n_rows, rows_.get(), start_.get(), example_.get(), value_.get()};
    }
    if (active.full) return;
    for (Index block = 0; block * kBlockRows < active.n_rows; ++block) collect_block(active, n, block);
    entries_.blocks = {n, block_start_.get(), block_row_.get(), block_value_.get()};
  }

  const Entries<T>& view() const { return entries_; }

 private:
  static Index blocks(Index rows, Index size) { return (rows + size - 1) / size; }

  // Branches here depend on sorted numbers alone: otherwise, mispredicted, they would take longer than all else.
  void sort_segment(const ActiveRows<T>& active, Index segment) {
    const Index first = segment * kSegmentRows, until = std::min(first + kSegmentRows, active.n_rows);
    const auto class_of = [&](Index i) { return std::min<Index>(active.start[i + 1] - active.start[i], kClasses + 1); };
    std::int32_t next[kClasses + 2] = {};  // of a class: how many; then where its next row goes
    for (Index i = first; i < until; ++i) ++next[class_of(i)];
    std::int32_t* classes = classes_.get() + segment * (kClasses + 2);
    auto row = static_cast<std::int32_t>(first);
    for (Index c = 1; c <= kClasses + 1; ++c) {
      classes[c - 1] = row;
      row += std::exchange(next[c], row);
    }
    classes[kClasses + 1] = row;
    for (Index i = first; i < until; ++i) rows_[next[class_of(i)]++] = static_cast<std::int32_t>(i);
    for (Index i = first, at = active.start[first]; i < until; ++i) {
      const std::int32_t from = rows_[i];
      rows_[i] = active.rows[from];
      for (Index k = active.start[from]; k < active.start[from + 1]; ++k, ++at) {
        example_[at] = active.example[k];
        value_[at] = active.value[k];
      }
      start_[i + 1] = at;
    }
  }

  void collect_block(const ActiveRows<T>& active, Index n, Index block) {
    const Index first = block * kBlockRows, end = active.start[std::min(first + kBlockRows, active.n_rows)];
    std::int32_t* next = block_start_.get() + block * (n + 1) + 1;  // of each example; in the end its end
    std::fill_n(next - 1, n + 1, 0);
    for (Index k = active.start[first]; k < end; ++k) ++next[active.example[k]];
    auto total = static_cast<std::int32_t>(active.start[first]);
    next[-1] = total;
    for (Index b = 0; b < n; ++b) total += std::exchange(next[b], total);
    for (Index k = active.start[first], i = first; k < end; ++k) {
      i += k == active.start[i + 1];  // no row is without entries
      const std::int32_t at = next[active.example[k]]++;
      block_row_[at] = active.rows[i];
      block_value_[at] = active.value[k];
    }
  }

  Entries<T> entries_;
  Buffer<std::int32_t> rows_;
  Buffer<std::int64_t> start_;
  Buffer<std::int32_t> example_;
  Buffer<T> value_;
  Buffer<std::int32_t> classes_, block_start_, block_row_;
  Buffer<T> block_value_;
};

}  // namespace truezero
