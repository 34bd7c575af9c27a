#ifndef METRONOME_RUNTIME_TEXT_JINJA_VALUES_BUDGET_H_
#define METRONOME_RUNTIME_TEXT_JINJA_VALUES_BUDGET_H_

#include <cstdint>

#include "absl/status/status.h"

namespace metronome::text::jinja {

// What one rendering may use. A template is a stranger's program: it must end, and must not fill the memory.
struct Limits {
  int64_t steps = 10'000'000;        // Nodes evaluated, items visited and 64-byte pieces of text scanned.
  int64_t bytes = int64_t{1} << 29;  // Made in total; what is dropped again counts too.
  int64_t output_bytes = int64_t{1} << 26;
  int depth = 600;    // Nested evaluations: expressions in statements in macros.
  int nesting = 100;  // Lists in lists, and all other values that hold values.
};

// Counts what one rendering has used. Not thread-safe.
class Budget {
 public:
  explicit Budget(const Limits& limits) : limits_(limits) {}

  const Limits& limits() const { return limits_; }

  // Each is ResourceExhausted, and names the limit, past it.
  absl::Status Step(int64_t count = 1);
  absl::Status Scan(int64_t bytes) { return Step(bytes / 64 + 1); }
  absl::Status Allocate(int64_t bytes);
  absl::Status Output(int64_t bytes);
  absl::Status Nest(int nesting) const;

  // One level deeper, for as long as it lives.
  class Level {
   public:
    explicit Level(Budget& budget) : budget_(budget) { ++budget_.depth_; }
    ~Level() { --budget_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

    absl::Status status() const;

   private:
    Budget& budget_;
  };

 private:
  Limits limits_;
  int64_t steps_ = 0;
  int64_t bytes_ = 0;
  int64_t output_bytes_ = 0;
  int depth_ = 0;
};

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_VALUES_BUDGET_H_
