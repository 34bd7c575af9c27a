#ifndef METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_FILTERS_H_
#define METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_FILTERS_H_

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/jinja/text/rendering.h"
#include "runtime/text/jinja/values/object.h"

namespace metronome::text::jinja {

using Filter = absl::StatusOr<Value> (*)(Rendering& rendering, const Value& input, Arguments arguments);
using FilterTable = absl::flat_hash_map<absl::string_view, Filter>;

// Whether Jinja has a filter of this name.
bool IsFilter(absl::string_view name);

// input | name(arguments). InvalidArgument for a name that Jinja does not have; Unimplemented, by name, for one that is
// not supported.
absl::StatusOr<Value> ApplyFilter(Rendering& rendering, absl::string_view name, const Value& input,
                                  Arguments arguments);

const FilterTable& TextFilters();
const FilterTable& SequenceFilters();
const FilterTable& ValueFilters();

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_FILTERS_H_
