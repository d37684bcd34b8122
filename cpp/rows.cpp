#include "rows.h"

#include <algorithm>

namespace truezero {

namespace {

template <class W, class S, class Scale, class T>
void scale_numbers(const S* x, Index n, Scale scale, T* to) {
  for (Index j = 0; j < n; ++j) to[j] = static_cast<T>(static_cast<W>(x[j]) * scale[j]);
}

template <class W, class S, class Scale, class Offset, class T>
void scale_and_move(const S* x, Index n, Scale scale, Offset offset, T* to) {
  for (Index j = 0; j < n; ++j) to[j] = static_cast<T>(static_cast<W>(x[j]) * scale[j] + offset[j]);
}

}  // namespace

template <class T>
void read_dense(const RowsView& input, Index row, Index first, Index n, T* to) {
  with_data(input, [=, &input](auto* data) {
    using S = std::remove_const_t<std::remove_pointer_t<decltype(data)>>;
    using W = Wider<S, T>;
    const S* x = data + row * input.row_stride + first;
    if constexpr (std::is_same_v<S, T>) {
      if (input.plain()) return void(std::copy_n(x, n, to));
    }
    with_numbers<W>(input.scale, first, [=, &input](auto scale) {
      if (!input.has_offset()) return scale_numbers<W>(x, n, scale, to);
      with_numbers<W>(input.offset, first, [=](auto offset) { scale_and_move<W>(x, n, scale, offset, to); });
    });
  });
}

template void read_dense(const RowsView&, Index, Index, Index, float*);
template void read_dense(const RowsView&, Index, Index, Index, double*);

}  // namespace truezero
