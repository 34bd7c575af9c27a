#ifndef METRONOME_RUNTIME_FILES_BUS_ERROR_GUARD_H_
#define METRONOME_RUNTIME_FILES_BUS_ERROR_GUARD_H_

#include <cstddef>

namespace metronome {

// While it lives, a bus error within a mapping of a file does not end the process: the page, and all after it up to the
// mapping's end, become zeros, and the thread goes on. Such errors come when the file was truncated behind the mapping
// or its disk cannot be read. Any other SIGBUS does what it did before the first guard.
//
// Thread-safe. No guarded mapping may overlap another one, and none may be unmapped while threads read it.
class BusErrorGuard {
 public:
  // `begin` is that of a page, and `size` more than 0.
  BusErrorGuard(const void* begin, size_t size);
  ~BusErrorGuard();
  BusErrorGuard(const BusErrorGuard&) = delete;
  BusErrorGuard& operator=(const BusErrorGuard&) = delete;

  // Whether an error was met, so that what was read may be zeros in place of the file's bytes.
  bool hit() const;

 private:
  struct Range;
  friend class GuardedRanges;  // Which the signal's handler walks through.

  Range* range_;
};

}  // namespace metronome

#endif  // METRONOME_RUNTIME_FILES_BUS_ERROR_GUARD_H_
