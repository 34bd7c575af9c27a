#include "compiler/rules/rules.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace metronome::compiler {

const RewriteList& AllRules() {
  static const RewriteList* const kRules = [] {
    auto* const all = new RewriteList;
    for (auto group : {AlgebraRules, NormRules, AttentionRules, LinearRules, MlpRules, ExpertRules, HeadRules}) {
      absl::StatusOr<RewriteList> rules = ParseRules(group(), RuleConditions());
      if (!rules.ok()) {  // The texts are part of the program.
        std::fprintf(stderr, "%s\n", rules.status().ToString().c_str());
        std::abort();
      }
      for (std::unique_ptr<Rewrite>& rule : *rules) all->push_back(std::move(rule));
    }
    all->push_back(MergeLinearRule());
    all->push_back(NormPrologueRule());
    all->push_back(QkvRopeCacheRule());
    return all;
  }();
  return *kRules;
}

}  // namespace metronome::compiler
