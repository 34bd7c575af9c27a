#ifndef METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_PARSER_H_
#define METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_PARSER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/jinja/syntax/syntax_tree.h"

namespace metronome::text::jinja {

// Parses a template as Jinja does with the extensions that HuggingFace adds: break, continue and generation blocks.
// What is valid but not supported becomes a statement that fails when it is reached.
//
// InvalidArgument with the line of an error; ResourceExhausted for syntax that nests too deep; as Tokenize otherwise.
absl::StatusOr<Body> ParseTemplate(absl::string_view source);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_PARSER_H_
