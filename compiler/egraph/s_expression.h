#ifndef METRONOME_COMPILER_EGRAPH_S_EXPRESSION_H_
#define METRONOME_COMPILER_EGRAPH_S_EXPRESSION_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "kernels/interface/attributes.h"

namespace metronome::compiler {

// Splits the text of a rule into "(", ")" and words.
class SExpressionReader {
 public:
  explicit SExpressionReader(absl::string_view text) : text_(text) {}
  absl::string_view Next();  // Empty at the end.
  absl::string_view Peek();
  absl::Status Error(absl::string_view why) const;  // InvalidArgument with the text and the offset.

 private:
  absl::string_view text_;
  size_t offset_ = 0;
};

// The value that a word such as "name=value" gives an attribute: "2" is an integer, "2.5" and "1e-6" are doubles,
// "[1,0]" integers, anything else a string.
kernels::AttributeValue ParseAttributeValue(absl::string_view text);

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_EGRAPH_S_EXPRESSION_H_
