#include "server/store/page.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace metronome::server {
namespace {

constexpr size_t kMaxQuotedBytes = 40;

}  // namespace

absl::StatusOr<int64_t> PlaceOfToken(const std::string& token, int64_t first) {
  if (token.empty()) return first;
  int64_t place = 0;
  if (absl::SimpleAtoi(token, &place) && place >= 0 && token == absl::StrCat(place)) return place;
  return absl::InvalidArgumentError(
      absl::StrCat("page_token is '", token.substr(0, kMaxQuotedBytes), "', which no page gave"));
}

bool PageBudget::Take(size_t bytes) {
  constexpr size_t kFraming = 6;  // Tag and length of an item.
  if (bytes_ > 0 && bytes_ + bytes + kFraming > kMaxPageBytes) return false;
  bytes_ += bytes + kFraming;
  return true;
}

}  // namespace metronome::server
