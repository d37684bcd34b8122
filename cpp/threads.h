// Threads: a pool that lives as long as the process, and a team of them for the length of one call.
#pragma once

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

namespace truezero {

inline void spin_pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

constexpr const char* kNoMoreThreads = "the system has no more threads to give; use fewer (n_threads)";

// Threads waiting for work: starting one takes longer than a whole prediction of one row. They spin
// for a moment after each job, as the next often follows at once, and sleep after that.
class Pool {
 public:
  // Of this process: a forked child, which inherits no threads, gets a pool of its own.
  static Pool& get() {
    static const int registered = pthread_atfork(nullptr, nullptr, [] { instance().store(nullptr); });
    static_cast<void>(registered);
    Pool* pool = instance().load();
    if (pool == nullptr) {
      auto* made = new Pool;  // never deleted: its threads may outlive every static object
      if (instance().compare_exchange_strong(pool, made)) return *made;
      delete made;
    }
    return *pool;
  }

  // Calls job(1) .. job(n - 1) on the pool's threads and job(0) on the caller's; false, with nothing
  // called, if another caller has the pool. The jobs must not throw.
  bool run(int n, const std::function<void(int)>& job) {
    const std::unique_lock<std::mutex> alone(in_use_, std::try_to_lock);
    if (!alone.owns_lock()) return false;
    try {
      for (; n_workers_ < n - 1; ++n_workers_) {
        std::thread(&Pool::work, this, n_workers_ + 1, round_.load()).detach();
      }
    } catch (const std::system_error&) {
      throw std::runtime_error(kNoMoreThreads);
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      job_ = &job;
      left_.store(n - 1);
      // One word tells the round and its size: a worker too many for this round may see it late, when
      // nobody waits for it any more.
      round_.store((round_.load() / kMost + 1) * kMost + n);
    }
    wake_.notify_all();
    job(0);
    for (int spins = 0; left_.load(std::memory_order_acquire) != 0; ++spins) {
      if (spins < kSpins) {
        spin_pause();
      } else {
        std::this_thread::yield();
      }
    }
    return true;
  }

 private:
  static constexpr int kSpins = 4000;
  static constexpr std::int64_t kMost = 1 << 20;  // threads

  static std::atomic<Pool*>& instance() {
    static std::atomic<Pool*> pool{nullptr};
    return pool;
  }

  void work(int number, std::int64_t seen) {
    for (;;) {
      for (int spins = 0; spins < kSpins && round_.load(std::memory_order_acquire) == seen; ++spins) spin_pause();
      if (round_.load(std::memory_order_acquire) == seen) {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return round_.load() != seen; });
      }
      seen = round_.load(std::memory_order_acquire);
      if (number >= seen % kMost) continue;
      (*job_)(number);
      left_.fetch_sub(1, std::memory_order_release);
    }
  }

  std::mutex in_use_, mutex_;
  std::condition_variable wake_;
  alignas(64) std::atomic<std::int64_t> round_{0};
  alignas(64) std::atomic<int> left_{0};
  const std::function<void(int)>* job_ = nullptr;
  int n_workers_ = 0;
};

class Team {
 public:
  explicit Team(int size) : size_(size < 1 ? 1 : size) {}

  int size() const { return size_; }

  // Calls work(0) .. work(size - 1), each on a thread of its own, 0 on the caller's. Rethrows the
  // first exception once all have ended.
  template <class Work>
  void run(Work&& work) {
    error_ = nullptr;
    failed_.store(false);
    arrived_.store(0);
    const std::function<void(int)> guarded = [&](int thread) {
      try {
        work(thread);
      } catch (const Abandoned&) {
      } catch (...) {
        fail(std::current_exception());
      }
    };
    if (size_ == 1) {
      guarded(0);
    } else if (!Pool::get().run(size_, guarded)) {
      run_apart(guarded);
    }
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
        spin_pause();
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

  // With threads of its own, while another caller has the pool.
  void run_apart(const std::function<void(int)>& guarded) {
    std::vector<std::thread> others;
    try {
      others.reserve(static_cast<std::size_t>(size_) - 1);
      for (int thread = 1; thread < size_; ++thread) others.emplace_back(guarded, thread);
    } catch (...) {  // those there are leave at a barrier
      fail(std::make_exception_ptr(std::runtime_error(kNoMoreThreads)));
    }
    if (!failed_.load()) guarded(0);
    for (auto& thread : others) thread.join();
  }

  int size_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<int> phase_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace truezero
