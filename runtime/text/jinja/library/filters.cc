#include "runtime/text/jinja/library/filters.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::text::jinja {
namespace {

constexpr absl::string_view kUnsupported[] = {"filesizeformat", "pprint", "random",   "striptags",
                                              "urlencode",      "urlize", "wordwrap", "xmlattr"};

bool IsUnsupported(absl::string_view name) {
  return std::find(std::begin(kUnsupported), std::end(kUnsupported), name) != std::end(kUnsupported);
}

Filter FindFilter(absl::string_view name) {
  for (const FilterTable* table : {&TextFilters(), &SequenceFilters(), &ValueFilters()}) {
    if (const auto found = table->find(name); found != table->end()) return found->second;
  }
  return nullptr;
}

}  // namespace

bool IsFilter(absl::string_view name) { return FindFilter(name) != nullptr || IsUnsupported(name); }

absl::StatusOr<Value> ApplyFilter(Rendering& rendering, absl::string_view name, const Value& input,
                                  Arguments arguments) {
  const Budget::Level level(rendering.budget);
  RETURN_IF_ERROR(level.status());
  RETURN_IF_ERROR(rendering.budget.Step());
  const Filter filter = FindFilter(name);
  if (filter != nullptr) return filter(rendering, input, std::move(arguments));
  if (IsUnsupported(name)) return absl::UnimplementedError(absl::StrCat("the filter '", name, "'"));
  return absl::InvalidArgumentError(absl::StrCat("No filter named '", name, "'."));
}

}  // namespace metronome::text::jinja
