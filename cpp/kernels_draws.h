// Random words, many at once; included by kernels_impl.h inside its unnamed namespace. Word for word those of philox.h.

typedef std::uint64_t Words64 __attribute__((vector_size(TRUEZERO_VECTOR_BYTES)));

// Of every lane's low half, whatever stands in the high one.
inline __attribute__((always_inline)) Words64 times_low(Words64 x, std::uint64_t by) {
#if TRUEZERO_VECTOR_BYTES == 64 && defined(__AVX512F__)
  // Unmasked, GCC 12 warns of the value its header leaves unset.
  return (Words64)_mm512_maskz_mul_epu32(0xFF, (__m512i)x, (__m512i)(Words64{} + by));
#elif TRUEZERO_VECTOR_BYTES == 32 && defined(__AVX2__)
  return (Words64)_mm256_mul_epu32((__m256i)x, (__m256i)(Words64{} + by));
#elif TRUEZERO_VECTOR_BYTES == 16 && defined(__SSE2__)
  return (Words64)_mm_mul_epu32((__m128i)x, (__m128i)(Words64{} + by));
#else
  return (x & 0xFFFFFFFF) * by;
#endif
}

// a0 b0 a1 b1 ..., in two vectors.
inline __attribute__((always_inline)) void store_pairs(std::uint32_t* to, Words64 a, Words64 b) {
  Words64 low, high;
#if TRUEZERO_VECTOR_BYTES == 64
  low = shuffle<0, 8, 1, 9, 2, 10, 3, 11>(a, b);
  high = shuffle<4, 12, 5, 13, 6, 14, 7, 15>(a, b);
#elif TRUEZERO_VECTOR_BYTES == 32
  low = shuffle<0, 4, 1, 5>(a, b);
  high = shuffle<2, 6, 3, 7>(a, b);
#else
  low = shuffle<0, 2>(a, b);
  high = shuffle<1, 3>(a, b);
#endif
  std::memcpy(to, &low, sizeof low);
  std::memcpy(to + sizeof low / sizeof *to, &high, sizeof high);
}

// A lane per block of four words. The multiplications of one vector have to wait for each other, so two go
// at once.
inline void draw(const std::uint32_t* counter, std::uint64_t key, Index n_blocks, std::uint32_t* to) {
  constexpr Index lanes = TRUEZERO_VECTOR_BYTES / 8;
  constexpr int N = 2;
  static_assert(N * lanes <= kBlocksAtOnce, "there is room for so many");
  Words64 block[N];
  for (int v = 0; v < N; ++v) {
    for (Index i = 0; i < lanes; ++i) block[v][i] = counter[0] + static_cast<std::uint64_t>(v * lanes + i);
  }
  for (Index done = 0; done < n_blocks; done += N * lanes, to += 4 * N * lanes) {
    Words64 c0[N], c1[N], c2[N], c3[N];
    for (int v = 0; v < N; ++v) {
      c0[v] = block[v];
      c1[v] = Words64{} + counter[1];
      c2[v] = Words64{} + counter[2];
      c3[v] = Words64{} + counter[3];
      block[v] += N * lanes;
    }
    std::uint32_t key0 = static_cast<std::uint32_t>(key), key1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      for (int v = 0; v < N; ++v) {
        const Words64 p0 = times_low(c0[v], 0xD2511F53), p1 = times_low(c2[v], 0xCD9E8D57);
        c0[v] = (p1 >> 32) ^ c1[v] ^ std::uint64_t{key0};
        c2[v] = (p0 >> 32) ^ c3[v] ^ std::uint64_t{key1};
        c1[v] = p1;
        c3[v] = p0;
      }
      key0 += 0x9E3779B9u;
      key1 += 0xBB67AE85u;
    }
    for (int v = 0; v < N; ++v) {
      store_pairs(to + 4 * v * lanes, (c0[v] & 0xFFFFFFFF) | c1[v] << 32, (c2[v] & 0xFFFFFFFF) | c3[v] << 32);
    }
  }
}

inline Index list_hits(const std::uint32_t* words, Index n, std::uint32_t highest, std::int32_t first,
                       std::int32_t* unit) {
  Index count = 0, j = 0;
#if defined(__AVX512F__)
  // Few hit: most vectors are passed by. Two masks are made one of 32 bits: GCC 12 may store the 2 bytes of one
  // of 16 on the stack and load 4, whichever conversion it is given.
  const __m512i most = _mm512_set1_epi32(static_cast<int>(highest));
  for (; j + 32 <= n; j += 32) {
    const __mmask16 low = _mm512_cmple_epu32_mask(_mm512_loadu_si512(words + j), most);
    const __mmask16 high = _mm512_cmple_epu32_mask(_mm512_loadu_si512(words + j + 16), most);
    std::uint32_t hits = _cvtmask32_u32(_mm512_kunpackw(high, low));
    for (; hits != 0; hits &= hits - 1) unit[count++] = first + static_cast<std::int32_t>(j) + __builtin_ctz(hits);
  }
#endif
  for (; j < n; ++j) {  // always written, kept only if hit: nothing to mispredict
    unit[count] = first + static_cast<std::int32_t>(j);
    count += words[j] <= highest;
  }
  return count;
}
