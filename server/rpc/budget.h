#ifndef METRONOME_SERVER_RPC_BUDGET_H_
#define METRONOME_SERVER_RPC_BUDGET_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace metronome::server {

// How much of one thing clients may hold, each and together. Thread-safe.
class Budget {
 public:
  struct Options {
    std::string what;           // As refusals call it: "requests in flight".
    std::string unit;           // "bytes".
    int64_t total = 0;          // Of all clients together.
    int64_t per_client = 0;     // Of one of them.
    std::string total_option;   // What to raise, "request_memory_mib".
    std::string client_option;  // Likewise.
    std::string remedy;         // What else the client can do: "retry when some have finished".
  };

  // A share of a budget, given back on destruction. The budget outlives it.
  class Lease {
   public:
    Lease() = default;  // Of nothing.
    Lease(Lease&& other) noexcept { *this = std::move(other); }
    Lease& operator=(Lease&& other) noexcept;
    ~Lease() { Release(); }

    // Takes more, or gives some back, which always succeeds. ResourceExhausted says which limit, how much, and what to
    // do; the lease is then as it was.
    absl::Status Resize(int64_t amount);
    int64_t amount() const { return amount_; }

   private:
    friend class Budget;
    Lease(Budget* budget, absl::string_view client) : budget_(budget), client_(client) {}
    void Release();

    Budget* budget_ = nullptr;
    std::string client_;
    int64_t amount_ = 0;
  };

  // Takes of at most so much may use what is left of a budget to the last; larger ones leave an eighth of it to them,
  // so that bulk keeps no short call away.
  static constexpr int64_t kSmall = int64_t{64} << 10;

  explicit Budget(Options options) : options_(std::move(options)) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  // A share of nothing yet, for Resize.
  Lease For(absl::string_view client) { return Lease(this, client); }
  // Errors as Resize.
  absl::StatusOr<Lease> Take(absl::string_view client, int64_t amount);

  int64_t held() const;

 private:
  absl::Status Change(const std::string& client, int64_t change);

  const Options options_;
  mutable absl::Mutex mutex_;
  int64_t held_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, int64_t> by_client_ ABSL_GUARDED_BY(mutex_);  // None of 0.
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_RPC_BUDGET_H_
