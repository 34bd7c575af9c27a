#ifndef METRONOME_RUNTIME_TEXT_PATTERN_H_
#define METRONOME_RUNTIME_TEXT_PATTERN_H_

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/text/json_node.h"
#include "runtime/text/regex.h"

namespace metronome {

// {"String": text} or {"Regex": pattern}, as tokenizer.json writes what to look for. InvalidArgument.
inline absl::StatusOr<std::shared_ptr<const Regex>> ParsePattern(const JsonNode& node) {
  const bool literal = node["String"].json().is_string();
  const JsonNode text = literal ? node["String"] : node["Regex"];
  if (!text.json().is_string() || text.Text().empty()) return node.Invalid("is neither a String nor a Regex");
  absl::StatusOr<Regex> regex = literal ? Regex::Literal(text.Text()) : Regex::Compile(text.Text());
  if (!regex.ok()) return text.Invalid(regex.status().message());
  return std::make_shared<const Regex>(*std::move(regex));
}

}  // namespace metronome

#endif  // METRONOME_RUNTIME_TEXT_PATTERN_H_
