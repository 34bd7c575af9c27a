#ifndef METRONOME_SERVER_STORE_PAGE_H_
#define METRONOME_SERVER_STORE_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace metronome::server {

// Bytes of one page of a list. gRPC clients take messages of 4 MB by default; the rest is for what surrounds the list.
inline constexpr size_t kMaxPageBytes = size_t{3} << 20;

// The place in a list that a client's token names; `first` for an empty token. InvalidArgument for one that no list
// gave.
absl::StatusOr<int64_t> PlaceOfToken(const std::string& token, int64_t first);

// Fills a page up to kMaxPageBytes, with one item at least.
class PageBudget {
 public:
  // Whether an item of so many bytes still belongs to this page.
  bool Take(size_t bytes);

 private:
  size_t bytes_ = 0;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_STORE_PAGE_H_
