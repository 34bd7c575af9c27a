#include "client/benchmark/sweep_cell.h"

#include <google/protobuf/util/message_differencer.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace metronome::client {
namespace {

constexpr char kScaling[] = "scaling";

// Whether they differ at most in how much they ask for.
bool IsSameKind(const v1::BenchmarkSpec& a, const v1::BenchmarkSpec& b) {
  return a.model() == b.model() && a.path() == b.path() && a.dtype() == b.dtype() && a.weights() == b.weights() &&
         a.layers() == b.layers() && a.scenario() == b.scenario();
}

bool IsNoGreater(const CellLimits& a, const CellLimits& b) {
  if (a.search_iterations > b.search_iterations || a.positions.has_value() != b.positions.has_value()) return false;
  return !a.positions.has_value() || *a.positions <= *b.positions;
}

bool RanOutOfMemory(const v1::BenchmarkResult& result) {
  return result.error_kind() == absl::StatusCodeToString(absl::StatusCode::kResourceExhausted);
}

}  // namespace

std::string CellName(const v1::BenchmarkSpec& cell) {
  std::string name = absl::StrCat(cell.config(), cell.config().empty() ? "" : " ", cell.model());
  if (cell.layers() > 0) absl::StrAppend(&name, " [first ", cell.layers(), " layers]");
  absl::StrAppend(&name, " ", cell.path());
  if (cell.search_iterations() > 0) absl::StrAppend(&name, ", search ", cell.search_iterations());
  if (cell.max_cache_len() > 0) absl::StrAppend(&name, ", cache ", cell.max_cache_len());
  return name;
}

bool IsOfCell(const v1::BenchmarkSpec& stored, const v1::BenchmarkSpec& cell) {
  if (stored.config() != cell.config() || stored.model() != cell.model() || stored.path() != cell.path()) return false;
  v1::BenchmarkSpec merged = stored;
  merged.MergeFrom(cell);  // Changes nothing where they agree.
  return google::protobuf::util::MessageDifferencer::Equals(merged, stored);
}

CellLimits LimitsOf(const v1::BenchmarkSpec& cell) {
  CellLimits limits;
  if (cell.search_iterations() > 0) limits.search_iterations = cell.search_iterations();
  if (cell.max_cache_len() > 0) {
    limits.positions = cell.max_cache_len();
  } else if (cell.prompt().empty() && cell.prompt_tokens() > 0 && cell.scenario() != kScaling) {
    limits.positions = cell.prompt_tokens() + cell.decode_tokens();
  }
  return limits;
}

std::optional<std::string> SkipReason(const v1::BenchmarkSpec& cell, const v1::Run& earlier) {
  for (const v1::BenchmarkResult& result : earlier.results()) {
    if (!RanOutOfMemory(result) || !IsSameKind(result.spec(), cell) ||
        !IsNoGreater(LimitsOf(result.spec()), LimitsOf(cell)))
      continue;
    return absl::StrCat("not tried, since ", CellName(result.spec()), " ran out of memory: ", result.error_text());
  }
  return std::nullopt;
}

}  // namespace metronome::client
