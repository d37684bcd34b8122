// A team of threads for the length of one call. No pool outlives a call, so a fork has none to lose.
#pragma once

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace truezero {

class Team {
 public:
  explicit Team(int size) : size_(size < 1 ? 1 : size) {}

  int size() const { return size_; }

  // Calls work(0) .. work(size - 1), each on a thread of its own, 0 on the caller's. Rethrows the
  // first exception once all have ended.
  template <class Work>
  void run(Work&& work) {
    std::vector<std::thread> others;
    const auto guarded = [&](int thread) {
      try {
        work(thread);
      } catch (const Abandoned&) {
      } catch (...) {
        fail(std::current_exception());
      }
    };
    try {
      others.reserve(static_cast<std::size_t>(size_) - 1);
      for (int thread = 1; thread < size_; ++thread) others.emplace_back(guarded, thread);
    } catch (...) {
      fail(std::current_exception());  // no more threads to be had; those there are leave at a barrier
    }
    if (!failed_.load()) guarded(0);
    for (auto& thread : others) thread.join();
    if (error_) std::rethrow_exception(error_);
  }

  // Returns when all threads of the team have arrived; everything written before is then seen by
  // all. Where one has failed, the others leave by an exception instead of waiting for ever.
  void barrier() {
    if (size_ == 1) return;
    const int phase = phase_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
      arrived_.store(0, std::memory_order_relaxed);
      phase_.store(phase + 1, std::memory_order_release);
      return;
    }
    for (int spins = 0; phase_.load(std::memory_order_acquire) == phase; ++spins) {
      if (failed_.load(std::memory_order_relaxed)) throw Abandoned();
      if (spins < 2000) {
        pause();
      } else {
        std::this_thread::yield();  // more threads than free cores: let the late one run
      }
    }
  }

 private:
  struct Abandoned {};

  void fail(std::exception_ptr error) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!error_) error_ = error;
    failed_.store(true);
  }

  static void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  int size_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<int> phase_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace truezero
