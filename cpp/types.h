// What a call gets: views of memory that belongs to the caller.
#pragma once

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstdint>
#include <functional>
#include <new>
#include <vector>

namespace truezero {

using Index = std::ptrdiff_t;
using Cancelled = std::function<bool()>;  // asked now and then, always on the calling thread

// Of numbers T, whose weights are kept as W.
template <class T, class W = T>
struct NetworkView {
  struct Layer {
    Index n_in, n_out;
    W* weights;  // [n_in][n_out]
    T* biases;
    int activation;  // hidden layers only
    const T* signs;  // null: all +1
  };
  std::vector<Layer> layers;
  double softplus_scale = 1;
  bool use_biases = true;
  bool softmax = true;

  Index n_hidden() const { return static_cast<Index>(layers.size()) - 1; }

  double n_weights() const {
    double n = 0;
    for (const auto& layer : layers) n += static_cast<double>(layer.n_in) * static_cast<double>(layer.n_out);
    return n;
  }
};

// Uninitialised memory, aligned to cache lines; pages never written cost nothing. Where all of a large
// buffer will be used, huge pages spare the address translation, which touched rows far apart would miss.
constexpr Index kHugePages = 1 << 21;  // bytes from which on they pay

template <class T>
class Buffer {
 public:
  explicit Buffer(Index n = 0, bool huge_pages = false)
      : alignment_(huge_pages ? std::size_t{1} << 21 : std::size_t{64}),
        data_(static_cast<T*>(::operator new(bytes(n), std::align_val_t{alignment_}))) {
#if defined(__linux__)
    if (huge_pages) madvise(data_, bytes(n), MADV_HUGEPAGE);  // only a hint: failing is no error
#endif
  }
  Buffer(Buffer&& other) noexcept : alignment_(other.alignment_), data_(other.data_) { other.data_ = nullptr; }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(alignment_, other.alignment_);
    std::swap(data_, other.data_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { ::operator delete(data_, std::align_val_t{alignment_}); }

  T* get() const { return data_; }
  T& operator[](Index i) const { return data_[i]; }

 private:
  static std::size_t bytes(Index n) { return sizeof(T) * static_cast<std::size_t>(n < 1 ? 1 : n); }

  std::size_t alignment_;
  T* data_;
};

}  // namespace truezero
