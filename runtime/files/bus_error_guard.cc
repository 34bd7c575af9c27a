#include "runtime/files/bus_error_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>

namespace metronome {

// A range is never deleted, only used again: the handler may walk past it at any time.
struct BusErrorGuard::Range {
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};  // 0 while no guard uses it.
  std::atomic<bool> hit{false};
  Range* next = nullptr;
};

// All ranges there ever were. Adding takes a lock; the handler takes none, since it may have interrupted its holder.
class GuardedRanges {
 public:
  using Range = BusErrorGuard::Range;

  static Range* Add(uintptr_t begin, uintptr_t end) {
    std::call_once(installed_, Install);
    const std::lock_guard<std::mutex> lock(mutex_);
    Range* range = first_.load(std::memory_order_relaxed);
    while (range != nullptr && range->end.load(std::memory_order_relaxed) != 0) range = range->next;
    if (range == nullptr) {
      range = new Range;
      range->next = first_.load(std::memory_order_relaxed);
      first_.store(range, std::memory_order_release);
    }
    range->hit.store(false, std::memory_order_relaxed);
    range->begin.store(begin, std::memory_order_relaxed);
    range->end.store(end, std::memory_order_release);
    return range;
  }

  static void Remove(Range* range) {
    const std::lock_guard<std::mutex> lock(mutex_);
    range->end.store(0, std::memory_order_release);
  }

 private:
  static void Install() {
    page_size_ = static_cast<uintptr_t>(getpagesize());
    struct sigaction action = {};
    action.sa_sigaction = OnBusError;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous_);
  }

  // Only what a signal's handler may do: atomics and system calls.
  static bool Survive(uintptr_t address) {
    for (Range* range = first_.load(std::memory_order_acquire); range != nullptr; range = range->next) {
      const uintptr_t end = range->end.load(std::memory_order_acquire);
      if (address >= end || address < range->begin.load(std::memory_order_relaxed)) continue;
      // To the end: a truncated file has none of the pages that follow either, and each would be a fault of its own.
      const uintptr_t page = address / page_size_ * page_size_;
      range->hit.store(true, std::memory_order_release);
      return mmap(reinterpret_cast<void*>(page), end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                  0) != MAP_FAILED;
    }
    return false;
  }

  static void OnBusError(int number, siginfo_t* info, void* context) {
    const int saved_errno = errno;
    const bool is_fault = info->si_code > 0;  // Not sent by kill().
    if (is_fault && Survive(reinterpret_cast<uintptr_t>(info->si_addr))) {
      errno = saved_errno;
      return;
    }
    if ((previous_.sa_flags & SA_SIGINFO) != 0) return previous_.sa_sigaction(number, info, context);
    if (previous_.sa_handler != SIG_DFL && previous_.sa_handler != SIG_IGN) return previous_.sa_handler(number);
    signal(SIGBUS, SIG_DFL);
    if (!is_fault) raise(SIGBUS);  // A fault comes again by itself.
  }

  inline static std::once_flag installed_;
  inline static std::mutex mutex_;
  inline static std::atomic<Range*> first_{nullptr};
  inline static uintptr_t page_size_ = 0;
  inline static struct sigaction previous_ = {};
};

BusErrorGuard::BusErrorGuard(const void* begin, size_t size)
    : range_(GuardedRanges::Add(reinterpret_cast<uintptr_t>(begin), reinterpret_cast<uintptr_t>(begin) + size)) {}

BusErrorGuard::~BusErrorGuard() { GuardedRanges::Remove(range_); }

bool BusErrorGuard::hit() const { return range_->hit.load(std::memory_order_acquire); }

}  // namespace metronome
