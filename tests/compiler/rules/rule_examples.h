#ifndef METRONOME_TESTS_COMPILER_RULES_RULE_EXAMPLES_H_
#define METRONOME_TESTS_COMPILER_RULES_RULE_EXAMPLES_H_

#include <string>
#include <vector>

#include "tests/compiler/formulas.h"

namespace metronome::testing {

// A graph in which a rule fires.
struct RuleExample {
  std::string rule;
  std::string form;  // Tells examples of one rule apart.
  std::vector<compiler::NodeId> (*build)(FormulaBuilder& b);
  bool float32_only = false;
};

const std::vector<RuleExample>& RuleExamples();

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_COMPILER_RULES_RULE_EXAMPLES_H_
