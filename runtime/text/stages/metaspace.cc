#include "runtime/text/stages/metaspace.h"

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::text {

absl::StatusOr<Metaspace> Metaspace::Parse(const JsonNode& node) {
  Metaspace metaspace;
  ASSIGN_OR_RETURN(metaspace.replacement, node["replacement"].Character());
  ASSIGN_OR_RETURN(const std::string scheme, node["prepend_scheme"].Text("always"));
  if (scheme == "never") {
    metaspace.prepend = Prepend::kNever;
  } else if (scheme == "first") {
    metaspace.prepend = Prepend::kFirst;
  } else if (scheme != "always") {
    return node["prepend_scheme"].Invalid(absl::StrCat("is '", scheme, "', none of always, first and never"));
  }
  ASSIGN_OR_RETURN(const bool prefix_space, node["add_prefix_space"].Bool(true));
  if (!prefix_space && metaspace.prepend != Prepend::kNever)
    return node["add_prefix_space"].Invalid(absl::StrCat("is false, but prepend_scheme ", scheme));
  ASSIGN_OR_RETURN(metaspace.split, node["split"].Bool(true));
  return metaspace;
}

}  // namespace metronome::text
