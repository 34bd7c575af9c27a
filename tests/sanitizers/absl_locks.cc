// Tells ThreadSanitizer of Abseil's locks.
//
// Debian builds Abseil without ThreadSanitizer's annotations, so it would report everything that an absl::Mutex guards.
// The functions here stand in front of the library's, for our own code and for gRPC, whose locks are Abseil's too: each
// announces what it does and calls the real one. Between the announcements nothing is checked, conditions that a waiter
// handed over included.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace {

// The next definition of a member function of Abseil's, by its mangled name after the namespaces.
class RealFunction {
 public:
  constexpr explicit RealFunction(const char* name, bool constant = false) : name_(name), constant_(constant) {}

  template <typename Result, typename... Arguments>
  Result Call(Arguments... arguments) {
    void* function = function_.load(std::memory_order_relaxed);
    if (function == nullptr) function_.store(function = Find(), std::memory_order_relaxed);
    return reinterpret_cast<Result (*)(Arguments...)>(function)(arguments...);
  }

 private:
  void* Find() const {
    const char* const version = ABSL_INTERNAL_INLINE_NAMESPACE_STR;
    char symbol[128];
    std::snprintf(symbol, sizeof(symbol), "_ZN%s4absl%zu%s%s", constant_ ? "K" : "", std::strlen(version), version,
                  name_);
    void* const function = dlsym(RTLD_NEXT, symbol);
    if (function == nullptr) {
      std::fprintf(stderr, "absl_locks: no %s\n", symbol);
      std::abort();
    }
    return function;
  }

  const char* const name_;
  const bool constant_;
  std::atomic<void*> function_{nullptr};
};

// For the time of its life the mutex is being locked.
class Locking {
 public:
  explicit Locking(const absl::Mutex* mutex, unsigned flags = 0)
      : mutex_(const_cast<absl::Mutex*>(mutex)), flags_(flags) {
    __tsan_mutex_pre_lock(mutex_, flags_);
  }
  ~Locking() { __tsan_mutex_post_lock(mutex_, flags_, 0); }
  Locking(const Locking&) = delete;
  Locking& operator=(const Locking&) = delete;

  bool Tried(bool locked) {
    if (!locked) flags_ |= __tsan_mutex_try_lock_failed;
    return locked;
  }

 private:
  absl::Mutex* const mutex_;
  unsigned flags_;
};

// For the time of its life the mutex is being unlocked.
class Unlocking {
 public:
  explicit Unlocking(absl::Mutex* mutex, unsigned flags = 0) : mutex_(mutex), flags_(flags) {
    __tsan_mutex_pre_unlock(mutex_, flags_);
  }
  ~Unlocking() { __tsan_mutex_post_unlock(mutex_, flags_); }
  Unlocking(const Unlocking&) = delete;
  Unlocking& operator=(const Unlocking&) = delete;

 private:
  absl::Mutex* const mutex_;
  const unsigned flags_;
};

// A wait lets go of the mutex and holds it again at its end.
class Waiting {
 public:
  explicit Waiting(absl::Mutex* mutex) : unlocked_(mutex), locking_(mutex) {}

 private:
  struct Unlocked {
    explicit Unlocked(absl::Mutex* mutex) { Unlocking unlocking(mutex); }
  };
  const Unlocked unlocked_;
  Locking locking_;
};

constinit RealFunction mutex_end("5MutexD1Ev"), lock("5Mutex4LockEv"), unlock("5Mutex6UnlockEv"),
    try_lock("5Mutex7TryLockEv"), reader_lock("5Mutex10ReaderLockEv"), reader_unlock("5Mutex12ReaderUnlockEv"),
    await("5Mutex5AwaitERKNS0_9ConditionE"),
    await_with_timeout("5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE"),
    await_with_deadline("5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE"),
    lock_when("5Mutex8LockWhenERKNS0_9ConditionE"),
    lock_when_with_timeout("5Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE"),
    lock_when_with_deadline("5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE"),
    wait("7CondVar4WaitEPNS0_5MutexE"), wait_with_timeout("7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE"),
    wait_with_deadline("7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE"), notify("12Notification6NotifyEv"),
    wait_for_notification("12Notification19WaitForNotificationEv", true);

}  // namespace

// A program that names this symbol has these definitions before the shared library's.
extern "C" void metronome_absl_locks() {}

namespace absl {
ABSL_NAMESPACE_BEGIN

Mutex::~Mutex() {
  __tsan_mutex_destroy(this, __tsan_mutex_not_static);
  mutex_end.Call<void>(this);
}

void Mutex::Lock() {
  Locking locking(this);
  lock.Call<void>(this);
}

void Mutex::Unlock() {
  Unlocking unlocking(this);
  unlock.Call<void>(this);
}

bool Mutex::TryLock() {
  Locking locking(this, __tsan_mutex_try_lock);
  return locking.Tried(try_lock.Call<bool>(this));
}

void Mutex::ReaderLock() {
  Locking locking(this, __tsan_mutex_read_lock);
  reader_lock.Call<void>(this);
}

void Mutex::ReaderUnlock() {
  Unlocking unlocking(this, __tsan_mutex_read_lock);
  reader_unlock.Call<void>(this);
}

void Mutex::Await(const compiler::Condition& condition) {
  Waiting waiting(this);
  await.Call<void>(this, &condition);
}

bool Mutex::AwaitWithTimeout(const compiler::Condition& condition, Duration timeout) {
  Waiting waiting(this);
  return await_with_timeout.Call<bool>(this, &condition, timeout);
}

bool Mutex::AwaitWithDeadline(const compiler::Condition& condition, Time deadline) {
  Waiting waiting(this);
  return await_with_deadline.Call<bool>(this, &condition, deadline);
}

void Mutex::LockWhen(const compiler::Condition& condition) {
  Locking locking(this);
  lock_when.Call<void>(this, &condition);
}

bool Mutex::LockWhenWithTimeout(const compiler::Condition& condition, Duration timeout) {
  Locking locking(this);
  return lock_when_with_timeout.Call<bool>(this, &condition, timeout);
}

bool Mutex::LockWhenWithDeadline(const compiler::Condition& condition, Time deadline) {
  Locking locking(this);
  return lock_when_with_deadline.Call<bool>(this, &condition, deadline);
}

void CondVar::Wait(Mutex* mutex) {
  Waiting waiting(mutex);
  wait.Call<void>(this, mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  Waiting waiting(mutex);
  return wait_with_timeout.Call<bool>(this, mutex, timeout);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  Waiting waiting(mutex);
  return wait_with_deadline.Call<bool>(this, mutex, deadline);
}

// HasBeenNotified() loads the flag in its callers' own code: that acquire meets this release.
void Notification::Notify() {
  __tsan_release(&notified_yet_);
  notify.Call<void>(this);
}

void Notification::WaitForNotification() const {
  wait_for_notification.Call<void>(this);
  __tsan_acquire(const_cast<std::atomic<bool>*>(&notified_yet_));
}

ABSL_NAMESPACE_END
}  // namespace absl
