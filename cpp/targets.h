// What a decoder shall reconstruct: of every output, or of those that are sampled.
#pragma once

#include <algorithm>
#include <cmath>

#include "by_column.h"
#include "input.h"

namespace truezero {

enum class TargetKind { input, magnitude, two_sided, squashed, squashed_magnitude };

template <class T>
struct Targets {
  TargetKind kind = TargetKind::input;
  bool bounded = false;
  const T* given = nullptr;  // [n_rows][n_units]; null: made of the clean input
  Index n_units = 0;

  // Target of clean input x.
  T of(T x) const {
    switch (kind) {
      case TargetKind::input: break;
      case TargetKind::magnitude: x = std::abs(x); break;
      case TargetKind::two_sided: x = (x + 1) / 2; break;
      case TargetKind::squashed_magnitude: x = std::abs(x); [[fallthrough]];
      case TargetKind::squashed: {
        const T e = std::exp(-std::abs(x));
        x = (x >= 0 ? T(1) : e) / (e + 1);
      }
    }
    return !bounded ? x : x < 0 ? T(0) : x > 1 ? T(1) : x;
  }

  T at(Index row, Index unit, T x) const { return given ? given[row * n_units + unit] : of(x); }
};

// Writes the targets of all units: to[example * per_example + unit * per_unit].
template <class T>
struct EveryOutput {
  const Targets<T>& targets;
  const std::int64_t* position;  // of the examples' rows
  T* to;
  Index per_example, per_unit;

  void clean(Index b, const RowView<T>& row) {
    T* first = to + b * per_example;
    if (per_unit == 1 && (targets.given || (!row.column && targets.kind == TargetKind::input && !targets.bounded))) {
      std::copy_n(targets.given ? targets.given + position[b] * targets.n_units : row.value, targets.n_units, first);
      return;
    }
    const T of_zero = targets.of(T(0));
    for (Index j = 0; j < targets.n_units; ++j) {
      first[j * per_unit] = targets.given ? targets.given[position[b] * targets.n_units + j] : of_zero;
    }
    if (targets.given) return;
    row.each_non_zero([&](Index j, T x) { first[j * per_unit] = targets.of(x); });
  }

  void noisy(Index, const RowView<T>&) {}
};

// Outputs of a minibatch that are reconstructed, by row of the transposed decoder.
template <class T>
struct OutputLists {
  Index n_rows = 0;
  Buffer<std::int32_t> rows;
  Buffer<std::int64_t> start;
  Buffer<std::int32_t> example;
  Buffer<T> target, weight;  // of the entries
  Buffer<T> delta;           // their dCost/dr, once it is known

  OutputLists(Index n_units, Index max_examples)
      : rows(n_units + 1), start(n_units + 1), example(n_units * max_examples + 1), target(n_units * max_examples),
        weight(n_units * max_examples), delta(n_units * max_examples + 1) {}

  ActiveRows<T> view() const { return {n_rows, rows.get(), start.get(), example.get(), delta.get()}; }

  // All of them.
  void list_all(Index n_units, Index n) {
    if (n_rows == n_units && start[1] == n) return;  // as they are
    n_rows = n_units;
    for (Index i = 0; i <= n_units; ++i) {
      rows[i] = static_cast<std::int32_t>(i);
      start[i] = i * n;
      for (Index b = 0; b < n && i < n_units; ++b) example[i * n + b] = static_cast<std::int32_t>(b);
    }
  }
};

// Lists the outputs whose input is not 0, clean or noisy, and some of the rest, drawn once per minibatch, with
// the inverse of their probability as weight (Dauphin, Glorot, Bengio, ICML 2011).
template <class T>
class Sampler {
 public:
  Sampler(const Targets<T>& targets, const Kernels<T>& kernels, const Draw& draw, double share, Index max_examples)
      : targets_(targets), kernels_(kernels), draw_(draw), inverse_(static_cast<T>(1 / share)),
        entries_(targets.n_units, max_examples, targets.n_units * max_examples), target_(targets.n_units * max_examples),
        weight_(targets.n_units * max_examples), drawn_(targets.n_units + 1), mark_(targets.n_units) {
    std::fill_n(mark_.get(), targets.n_units, 0);
  }

  // Of rows position[0 ..]; the draw is addressed by the id of the first.
  void begin(const std::int64_t* position, std::uint32_t first_id) {
    position_ = position;
    entries_.clear();
    n_drawn_ = 0;
    each_words(kernels_, draw_, first_id, 0, targets_.n_units, [&](Index at, Index n, const std::uint32_t* words) {
      n_drawn_ += kernels_.list_hits(words, n, draw_.highest(), static_cast<std::int32_t>(at), drawn_.get() + n_drawn_);
    });
  }

  void clean(Index b, const RowView<T>& row) {
    ++stamp_;
    row.each_non_zero([&](Index unit, T x) { add(b, unit, x, T(1)); });
  }

  void noisy(Index b, const RowView<T>& row) {
    row.each_non_zero([&](Index unit, T) {
      if (mark_[unit] != stamp_) add(b, unit, T(0), T(1));
    });
    for (Index i = 0; i < n_drawn_; ++i) {
      if (mark_[drawn_[i]] != stamp_) add(b, drawn_[i], T(0), inverse_);
    }
    entries_.end_example(b);
  }

  void end(OutputLists<T>& to, Index n) {
    to.n_rows = entries_.sort(n, to.rows.get(), to.start.get(), to.example.get(), [&](Index k, Index at) {
      to.target[at] = target_[k];
      to.weight[at] = weight_[k];
    });
  }

 private:
  void add(Index b, Index unit, T x, T weight) {
    mark_[unit] = stamp_;
    target_[entries_.n()] = targets_.at(position_[b], unit, x);
    weight_[entries_.n()] = weight;
    entries_.add(unit);
  }

  const Targets<T>& targets_;
  const Kernels<T>& kernels_;
  Draw draw_;
  T inverse_;
  const std::int64_t* position_ = nullptr;
  ByColumn entries_;
  Buffer<T> target_, weight_;
  Index n_drawn_ = 0;
  Buffer<std::int32_t> drawn_;
  std::int64_t stamp_ = 0;
  Buffer<std::int64_t> mark_;  // the last example, of all, that has listed a unit
};

}  // namespace truezero
