// Rows of input: numbers as they are kept, and the values they stand for.
#pragma once

#include <type_traits>

#include "types.h"

namespace truezero {

enum class Number { u8, f32, f64 };

// One number for all columns, or of each its own.
struct PerColumn {
  double all;
  const void* each = nullptr;  // of type Wider
};

// Dense (unit column stride) or CSR with sorted indices and no duplicates. The value of a number x is
// x * scale + offset; CSR has no offset.
struct RowsView {
  Index n_rows = 0, n_cols = 0;
  Number number = Number::f32;
  const void* data = nullptr;
  PerColumn scale{1}, offset{0};
  Index row_stride = 0;  // dense: in numbers
  bool sparse = false;
  const std::int64_t* indptr = nullptr;
  const void* indices = nullptr;  // int32, or int64 if wide_indices
  bool wide_indices = false;

  bool has_offset() const { return offset.each || offset.all != 0; }
  bool plain() const { return !scale.each && scale.all == 1 && !has_offset(); }  // numbers are the values
};

// The wider type of a number of the input and one of the network: values are computed in it, then rounded
// to the network's.
template <class Source, class T>
using Wider = std::conditional_t<std::is_same_v<Source, double>, double, T>;

// Calls use(numbers): numbers[j] is that of column first + j.
template <class W, class Use>
void with_numbers(const PerColumn& of, Index first, Use&& use) {
  struct Same {
    W number;
    W operator[](Index) const { return number; }
  };
  if (of.each) return use(static_cast<const W*>(of.each) + first);
  use(Same{static_cast<W>(of.all)});
}

// Calls use(x) with the numbers of `input`, as a pointer of their type.
template <class Use>
void with_data(const RowsView& input, Use&& use) {
  switch (input.number) {
    case Number::u8: return use(static_cast<const std::uint8_t*>(input.data));
    case Number::f32: return use(static_cast<const float*>(input.data));
    case Number::f64: return use(static_cast<const double*>(input.data));
  }
}

// Values of a dense row, of columns first .. first + n, as T.
template <class T>
void read_dense(const RowsView& input, Index row, Index first, Index n, T* to);

// Calls use(column, value) for the non-zeros of a CSR row, as T.
template <class T, class Use>
void read_sparse(const RowsView& input, Index row, Use&& use) {
  with_data(input, [&](auto* data) {
    using W = Wider<std::remove_const_t<std::remove_pointer_t<decltype(data)>>, T>;
    with_numbers<W>(input.scale, 0, [&](auto scale) {
      for (Index k = input.indptr[row]; k < input.indptr[row + 1]; ++k) {
        const auto column = input.wide_indices
                                ? static_cast<std::int32_t>(static_cast<const std::int64_t*>(input.indices)[k])
                                : static_cast<const std::int32_t*>(input.indices)[k];
        const T value = static_cast<T>(static_cast<W>(data[k]) * scale[column]);
        if (value != 0) use(column, value);
      }
    });
  });
}

}  // namespace truezero
