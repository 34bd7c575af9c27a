#include "runtime/text/jinja/values/budget.h"

#include "absl/strings/str_cat.h"

namespace metronome::text::jinja {
namespace {

// Adds without overflow: both counts stay far below 2^62.
absl::Status Count(int64_t& used, int64_t more, int64_t limit, const char* of) {
  if (more > limit - used)
    return absl::ResourceExhaustedError(absl::StrCat("the template takes more than ", limit, " ", of));
  used += more;
  return absl::OkStatus();
}

}  // namespace

absl::Status Budget::Step(int64_t count) { return Count(steps_, count, limits_.steps, "steps"); }

absl::Status Budget::Allocate(int64_t bytes) { return Count(bytes_, bytes, limits_.bytes, "bytes for its values"); }

absl::Status Budget::Output(int64_t bytes) {
  return Count(output_bytes_, bytes, limits_.output_bytes, "bytes of output");
}

absl::Status Budget::Nest(int nesting) const {
  if (nesting > limits_.nesting)
    return absl::ResourceExhaustedError(
        absl::StrCat("the template makes values that nest deeper than ", limits_.nesting, " levels"));
  return absl::OkStatus();
}

absl::Status Budget::Level::status() const {
  if (budget_.depth_ > budget_.limits_.depth)
    return absl::ResourceExhaustedError(
        absl::StrCat("the template nests deeper than ", budget_.limits_.depth, " evaluations"));
  return absl::OkStatus();
}

}  // namespace metronome::text::jinja
