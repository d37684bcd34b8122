// From sums to active units; included by kernels_impl.h inside its unnamed namespace.

#if defined(__AVX2__) && !defined(__AVX512F__)
// Of every mask of eight lanes the set ones, from the lowest on.
struct SetLanes {
  std::uint8_t of[256][8];
};

constexpr SetLanes set_lanes() {
  SetLanes lanes{};
  for (int mask = 0; mask < 256; ++mask) {
    int count = 0;
    for (int lane = 0; lane < 8; ++lane) {
      if (mask >> lane & 1) lanes.of[mask][count++] = static_cast<std::uint8_t>(lane);
    }
  }
  return lanes;
}

constexpr SetLanes kSetLanes = set_lanes();

inline __attribute__((always_inline)) __m128i lanes_set(int mask) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kSetLanes.of[mask]));
}
#endif

template <class T>
Index collect(const T* h, Index n, std::int32_t first_unit, std::int32_t* unit, T* value) {
  Index count = 0;
#if defined(__AVX512F__)
  // A mask goes to a general register by the conversion made for it: GCC 12, left to itself, may store its 2
  // bytes on the stack and count the bits of 4.
  if constexpr (sizeof(T) == 4) {
    __m512i units = _mm512_add_epi32(_mm512_set1_epi32(first_unit),
                                     _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    for (Index j = 0; j < n; j += 16, units = _mm512_add_epi32(units, _mm512_set1_epi32(16))) {
      const __m512 x = _mm512_loadu_ps(h + j);
      const __mmask16 active = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NEQ_UQ);
      // Packed in a register, then stored whole: a masked store to memory is slow on some machines.
      _mm512_storeu_ps(value + count, _mm512_maskz_compress_ps(active, x));
      _mm512_storeu_si512(unit + count, _mm512_maskz_compress_epi32(active, units));
      count += __builtin_popcount(_cvtmask16_u32(active));
    }
  } else {
    __m256i units = _mm256_add_epi32(_mm256_set1_epi32(first_unit), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    for (Index j = 0; j < n; j += 8, units = _mm256_add_epi32(units, _mm256_set1_epi32(8))) {
      const __m512d x = _mm512_loadu_pd(h + j);
      const __mmask8 active = _mm512_cmp_pd_mask(x, _mm512_setzero_pd(), _CMP_NEQ_UQ);
      _mm512_storeu_pd(value + count, _mm512_maskz_compress_pd(active, x));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(unit + count), _mm256_maskz_compress_epi32(active, units));
      count += __builtin_popcount(_cvtmask8_u32(active));
    }
  }
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    for (Index j = 0; j < n; j += 8) {
      const __m256 x = _mm256_loadu_ps(h + j);
      const int active = _mm256_movemask_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_NEQ_UQ));
      const __m256i lanes = _mm256_cvtepu8_epi32(lanes_set(active));
      _mm256_storeu_ps(value + count, _mm256_permutevar8x32_ps(x, lanes));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(unit + count),
                          _mm256_add_epi32(lanes, _mm256_set1_epi32(first_unit + static_cast<std::int32_t>(j))));
      count += __builtin_popcount(static_cast<unsigned>(active));
    }
  } else {
    for (Index j = 0; j < n; j += 4) {
      const __m256d x = _mm256_loadu_pd(h + j);
      const __m256d differs = _mm256_cmp_pd(x, _mm256_setzero_pd(), _CMP_NEQ_UQ);
      const int active = _mm256_movemask_pd(differs);
      // Each number is moved as its two halves.
      const __m256i halves = _mm256_cvtepu8_epi32(lanes_set(_mm256_movemask_ps(_mm256_castpd_ps(differs))));
      _mm256_storeu_pd(value + count, _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(x), halves)));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(unit + count),
                       _mm_add_epi32(_mm_cvtepu8_epi32(lanes_set(active)),
                                     _mm_set1_epi32(first_unit + static_cast<std::int32_t>(j))));
      count += __builtin_popcount(static_cast<unsigned>(active));
    }
  }
#else
  for (Index j = 0; j < n; ++j) {  // always written, kept only if active: nothing to mispredict
    unit[count] = first_unit + static_cast<std::int32_t>(j);
    value[count] = h[j];
    count += h[j] != 0;
  }
#endif
  return count;
}

// Vectors of units are compared, example after example, for one bit per example; only units with any
// are then listed.
template <class T>
std::int64_t collect_units(const T* h, const T* gain, Index n_examples, Index width, Index stride, std::int32_t first,
                           bool all, const UnitLists<T>& to) {
  typedef typename Constants<T>::Bits Whole;
  typedef Whole Bits __attribute__((vector_size(TRUEZERO_VECTOR_BYTES)));
  constexpr Index lanes = Vector<T>::lanes;
  const Index n_words = (n_examples + 31) / 32;
  std::int64_t n_rows = 0, end = 0;
  for (Index j = 0; j < width; j += lanes) {
    std::uint32_t any[lanes] = {};
    for (Index word = 0; word < n_words; ++word) {
      const Index from = word * 32, until = n_examples < from + 32 ? n_examples : from + 32;
      Bits bits{};
      for (Index b = from; b < until; ++b) {
        const Bits bit = Bits{} + (Whole{1} << (b - from));
        const auto x = load(h + b * stride + j), slope = load(gain + b * stride + j);
        bits |= all ? bit : (((Bits)(x != 0)) | ((Bits)(slope != 0))) & bit;
      }
      Whole of_unit[lanes];
      std::memcpy(of_unit, &bits, sizeof bits);
      for (Index k = 0; k < lanes; ++k) {
        to.bits[word * lanes + k] = static_cast<std::uint32_t>(of_unit[k]);
        any[k] |= to.bits[word * lanes + k];
      }
    }
    for (Index k = 0; k < lanes && j + k < width; ++k) {
      if (any[k] == 0) continue;
      to.rows[n_rows] = first + static_cast<std::int32_t>(j + k);
      to.start[n_rows++] = end;
      for (Index word = 0; word < n_words; ++word) {
        const Index from = word * 32, until = n_examples < from + 32 ? n_examples : from + 32;
        std::uint32_t bits = to.bits[word * lanes + k];
        for (Index b = from; b < until; ++b, bits >>= 1) {  // always written, kept only if active: nothing to mispredict
          to.example[end] = static_cast<std::int32_t>(b);
          to.value[end] = h[b * stride + j + k];
          end += bits & 1;
        }
      }
    }
  }
  to.start[n_rows] = end;
  return n_rows;
}

// One vector of sums, units j and following of the layer.
template <class T, bool Gain, class F>
inline __attribute__((always_inline)) void activate_vector(const ActivationView<T>& of, F f, Index j, T* z, T* gain) {
  const auto added = load(z), biases = load(of.biases + j);
  const auto sum = of.column_scale ? load(of.column_scale + j) * added + biases : added + biases;
  typename Vector<T>::type h{}, slope{};
  f(sum, h, slope);
  if (of.signs) {
    const auto signs = load(of.signs + j);
    h = h * signs;
    slope = slope * signs;
  }
  store(z, h + T(0));  // + 0: -0.0 becomes +0.0
  if constexpr (Gain) store(gain, slope);
}

template <class T, bool Gain, class F>
void activate_rows(const ActivationView<T>& of, F f, Index n_examples, Index n_units, Index stride, T* z, T* gain) {
  constexpr Index lanes = Vector<T>::lanes;
  const Index whole = n_units / lanes * lanes, left = n_units - whole;
  // What is left of a row goes through copies, so that nothing beyond the arrays is touched.
  T scale_left[lanes] = {}, biases_left[lanes] = {}, signs_left[lanes] = {};
  for (Index j = 0; j < left; ++j) {
    if (of.column_scale) scale_left[j] = of.column_scale[whole + j];
    biases_left[j] = of.biases[whole + j];
    if (of.signs) signs_left[j] = of.signs[whole + j];
  }
  const ActivationView<T> rest = {of.code, of.softplus_scale, of.column_scale ? scale_left : nullptr, biases_left,
                                  of.signs ? signs_left : nullptr};
  for (Index b = 0; b < n_examples; ++b, z += stride, gain += Gain ? stride : 0) {
    for (Index j = 0; j < whole; j += lanes) activate_vector<T, Gain>(of, f, j, z + j, Gain ? gain + j : nullptr);
    if (left == 0) continue;
    T h[lanes] = {}, slope[lanes];
    for (Index j = 0; j < left; ++j) h[j] = z[whole + j];
    activate_vector<T, Gain>(rest, f, 0, h, slope);
    for (Index j = 0; j < left; ++j) z[whole + j] = h[j];
    if constexpr (Gain) {
      for (Index j = 0; j < left; ++j) gain[whole + j] = slope[j];
    }
  }
}

template <class T, class F>
void activate_with(const ActivationView<T>& of, F f, Index n_examples, Index n_units, Index stride, T* z, T* gain) {
  if (gain) {
    activate_rows<T, true>(of, f, n_examples, n_units, stride, z, gain);
  } else {
    activate_rows<T, false>(of, f, n_examples, n_units, stride, z, gain);
  }
}

template <class T>
void activate(const ActivationView<T>& of, Index n_examples, Index n_units, Index stride, T* z, T* gain) {
  const auto with = [&](auto f) { activate_with<T>(of, f, n_examples, n_units, stride, z, gain); };
  switch (of.code) {
    case 0: return with(Rectifier<T>{});
    case 1: return with(Softplus<T>{static_cast<T>(of.softplus_scale)});
    case 2: return with(Tanh<T>{});
    case 3: return with(Sigmoid<T>{});
    case 4: return with(Lif<T>{});
    case 5: return with(RectifiedTanh<T>{});
    case 6: return with(AbsTanh<T>{});
    default: return with(Linear<T>{});
  }
}

template <class T>
std::int64_t count_zeros(const T* h, Index n_examples, Index n_units, Index stride, std::uint8_t* ever_active) {
  std::int64_t zeros = 0;
  for (Index b = 0; b < n_examples; ++b, h += stride) {
    std::int32_t of_row = 0;
    for (Index j = 0; j < n_units; ++j) {
      const bool zero = h[j] == 0;
      of_row += zero;
      ever_active[j] = static_cast<std::uint8_t>(ever_active[j] | !zero);
    }
    zeros += of_row;
  }
  return zeros;
}
