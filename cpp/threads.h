// Threads: workers that live as long as the process, and teams of them for the length of a call.
//
// Whoever waits spins for a moment and sleeps after that. Spinning is for an idle machine, on which a barrier takes
// less than waking a sleeper would. Sleeping is for a busy one: there what one waits for needs the core.
#pragma once

#if !defined(_WIN32)
#include <pthread.h>
#endif

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "cores.h"

namespace truezero {

inline void spin_pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

constexpr Duration kSpin = std::chrono::microseconds(250);

// Whether the word becomes another within kSpin.
inline bool spin_while(const std::atomic<int>& word, int value) {
  const auto changed = [&] { return word.load(std::memory_order_acquire) != value; };
  for (int spins = 0; spins < 32; ++spins) {
    if (changed()) return true;
    spin_pause();
  }
  for (const auto until = Clock::now() + kSpin; Clock::now() < until;) {  // a look at the clock is two or three pauses
    if (changed()) return true;
    spin_pause();
  }
  return changed();
}

inline void wait_while(const std::atomic<int>& word, int value) {
  if (!spin_while(word, value)) word.wait(value, std::memory_order_acquire);
}

// Waking a sleeper takes so long at the most where there is a core for it.
constexpr Duration kWaking = std::chrono::microseconds(200);

// How long this thread has slept at barriers of the job it is on, for want of others who had not arrived.
inline Duration& slept_in_job() {
  static thread_local Duration slept{};
  return slept;
}

// A thread that waits for work: starting one takes longer than a whole prediction of one row.
class Worker {
 public:
  Worker() { std::thread(&Worker::live, this).detach(); }
  Worker(const Worker&) = delete;

  // The job must not throw, and lives until the worker is ready.
  void begin(const std::function<void(int)>& job, int thread, Clock::time_point now) {
    job_ = &job;
    thread_ = thread;
    given_ = now;
    at_work_.store(1, std::memory_order_release);
    at_work_.notify_all();
  }

  // Returns when the job is done: how long the worker waited for a core.
  Duration wait() const {
    wait_while(at_work_, 1);
    return waited_;
  }

 private:
  void live() {
    for (;;) {
      wait_while(at_work_, 0);
      const auto woken = Clock::now();
      const Duration had = time_on_core();
      slept_in_job() = Duration(0);
      (*job_)(thread_);
      const Duration took = Clock::now() - (woken - given_ < kWaking ? woken : given_);
      waited_ = took < kWorthAsking || had < Duration(0) ? Duration(0) : took - slept_in_job() - (time_on_core() - had);
      at_work_.store(0, std::memory_order_release);
      at_work_.notify_all();
    }
  }

  alignas(64) std::atomic<int> at_work_{0};
  const std::function<void(int)>* job_ = nullptr;
  int thread_ = 0;
  Clock::time_point given_;
  Duration waited_{};
};

class Pool {
 public:
  // Of this process: a forked child, which inherits no threads, gets a pool of its own.
  static Pool& get() {
#if !defined(_WIN32)  // where nothing forks
    static const int registered = pthread_atfork(nullptr, nullptr, [] { instance().store(nullptr); });
    static_cast<void>(registered);
#endif
    Pool* pool = instance().load();
    if (pool == nullptr) {
      auto* made = new Pool;  // never deleted: its threads may outlive every static object
      if (instance().compare_exchange_strong(pool, made)) return *made;
      delete made;
    }
    return *pool;
  }

  // Gets workers for a team of up to `most`: fewer where cores are used by other teams, were lately not to be had,
  // or the system has no more threads to give. The caller is of the team, too.
  void hire(int most, int cores, Clock::time_point now, std::vector<Worker*>& hired) {
    const std::lock_guard<std::mutex> lock(mutex_);
    hired.clear();
    if (assumed_cores().load() == 0) most = std::min(contention_.bearable(most, now), cores - at_work_);
    while (static_cast<int>(hired.size()) < most - 1) {
      if (idle_.empty()) {
        try {
          idle_.reserve(n_workers_ + 1);  // there is room for all when they come back
          idle_.push_back(std::make_unique<Worker>().release());  // lives as long as its thread
          ++n_workers_;
        } catch (const std::system_error&) {
          break;
        }
      }
      hired.push_back(idle_.back());
      idle_.pop_back();
    }
    at_work_ += 1 + static_cast<int>(hired.size());
  }

  // `waited`: how long they waited for cores since `started`.
  void release(std::vector<Worker*>& hired, Clock::time_point started, Duration waited) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const int n = 1 + static_cast<int>(hired.size());
    at_work_ -= n;
    idle_.insert(idle_.end(), hired.rbegin(), hired.rend());
    if (n > 1) contention_.ran(n, started, Clock::now(), waited);
  }

 private:
  static std::atomic<Pool*>& instance() {
    static std::atomic<Pool*> pool{nullptr};
    return pool;
  }

  std::mutex mutex_;
  std::vector<Worker*> idle_;
  std::size_t n_workers_ = 0;
  int at_work_ = 0;  // threads, those of callers included
  Contention contention_;
};

class Team {
 public:
  // Of `most` threads at the most, and never more than there are cores.
  explicit Team(int most) : cores_(most > 1 ? cores() : 1), most_(std::clamp(most, 1, cores_)) {}

  int most() const { return most_; }

  // In a run: the number of threads that take part.
  int size() const { return size_; }

  // Calls work(0) .. work(size - 1), each on a thread of its own, 0 on the caller's. Rethrows the
  // first exception once all have ended.
  template <class Work>
  void run(Work&& work) {
    error_ = nullptr;
    size_ = 1;
    started_ = Clock::now();
    if (most_ == 1) return work(0);
    arrived_.store(0);
    phase_.store(0);
    const std::function<void(int)> guarded = [&](int thread) {
      try {
        work(thread);
      } catch (const Abandoned&) {
      } catch (...) {
        fail(std::current_exception());
      }
    };
    Pool& pool = Pool::get();
    pool.hire(most_, cores_, started_, others_);
    size_ = 1 + static_cast<int>(others_.size());
    int thread = 0;
    for (Worker* other : others_) other->begin(guarded, ++thread, started_);
    const Duration had = took_ < kWorthAsking ? Duration(-1) : time_on_core();  // as long as last time
    slept_in_job() = Duration(0);
    guarded(0);
    took_ = Clock::now() - started_;
    Duration waited{};
    if (had >= Duration(0) && took_ >= kWorthAsking) waited = took_ - slept_in_job() - (time_on_core() - had);
    for (const Worker* other : others_) waited += other->wait();
    pool.release(others_, started_, waited);
    if (error_) std::rethrow_exception(error_);
  }

  // Whether a run has gone on for so long that it should end, for another one to begin with as many threads as
  // there are cores for by then.
  bool late() const { return most_ > 1 && Clock::now() - started_ > kLong; }

  // Returns when all threads of the team have arrived; everything written before is then seen by
  // all. Where one has failed, the others leave by an exception instead of waiting for ever.
  void barrier() {
    if (size_ == 1) return;
    const int phase = phase_.load(std::memory_order_acquire);
    if (phase == kFailed) throw Abandoned();
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
      arrived_.store(0, std::memory_order_relaxed);
      opened_ = Clock::now();
      phase_.store(phase + 1, std::memory_order_release);  // none has failed: who fails does not arrive
      phase_.notify_all();
      return;
    }
    if (!spin_while(phase_, phase)) {
      const auto from = Clock::now();
      phase_.wait(phase, std::memory_order_acquire);
      if (phase_.load(std::memory_order_acquire) == kFailed) throw Abandoned();
      const auto woken = Clock::now(), until = woken - opened_ < kWaking ? woken : opened_;
      if (until > from) slept_in_job() += until - from;
    }
    if (phase_.load(std::memory_order_acquire) == kFailed) throw Abandoned();
  }

 private:
  struct Abandoned {};
  static constexpr int kFailed = -1;
  // Long against what a run takes to begin and end, some microseconds; short against what one should lose.
  static constexpr Duration kLong = std::chrono::milliseconds(10);

  void fail(std::exception_ptr error) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!error_) error_ = error;
    phase_.store(kFailed);
    phase_.notify_all();
  }

  const int cores_, most_;
  int size_ = 1;
  std::vector<Worker*> others_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<int> phase_{0};
  Clock::time_point opened_;  // the last barrier
  Clock::time_point started_;
  Duration took_{};  // the last run, on the calling thread
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace truezero
