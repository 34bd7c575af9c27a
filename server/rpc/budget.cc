#include "server/rpc/budget.h"

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::server {

Budget::Lease& Budget::Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  Release();
  budget_ = std::exchange(other.budget_, nullptr);
  client_ = std::move(other.client_);
  amount_ = std::exchange(other.amount_, 0);
  return *this;
}

absl::Status Budget::Lease::Resize(int64_t amount) {
  if (budget_ == nullptr || amount == amount_) return absl::OkStatus();
  RETURN_IF_ERROR(budget_->Change(client_, amount - amount_));
  amount_ = amount;
  return absl::OkStatus();
}

void Budget::Lease::Release() { Resize(0).IgnoreError(); }

absl::StatusOr<Budget::Lease> Budget::Take(absl::string_view client, int64_t amount) {
  Lease lease = For(client);
  RETURN_IF_ERROR(lease.Resize(amount));
  return lease;
}

int64_t Budget::held() const {
  absl::MutexLock lock(&mutex_);
  return held_;
}

absl::Status Budget::Change(const std::string& client, int64_t change) {
  absl::MutexLock lock(&mutex_);
  const auto found = by_client_.find(client);
  const int64_t of_client = found == by_client_.end() ? 0 : found->second;
  const auto exceeds = [change](int64_t held, int64_t limit) {
    return held > limit - (change > kSmall ? limit / 8 : 0) - change;
  };
  const auto refusal = [&](absl::string_view who, int64_t held, int64_t limit, absl::string_view option) {
    return absl::ResourceExhaustedError(absl::StrCat(options_.what, ": ", who, " ", held, " ", options_.unit, " of ",
                                                     limit, ", and ", change, " more are asked for; ", options_.remedy,
                                                     ", or raise ", option));
  };
  if (change > 0 && exceeds(of_client, options_.per_client))
    return refusal("this client holds", of_client, options_.per_client, options_.client_option);
  if (change > 0 && exceeds(held_, options_.total))
    return refusal("all clients together hold", held_, options_.total, options_.total_option);
  held_ += change;
  if (of_client + change == 0) {
    by_client_.erase(client);
  } else {
    by_client_[client] = of_client + change;
  }
  return absl::OkStatus();
}

}  // namespace metronome::server
