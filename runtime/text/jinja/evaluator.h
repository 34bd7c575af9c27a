#ifndef METRONOME_RUNTIME_TEXT_JINJA_EVALUATOR_H_
#define METRONOME_RUNTIME_TEXT_JINJA_EVALUATOR_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/text/jinja/syntax/syntax_tree.h"
#include "runtime/text/jinja/text/rendering.h"
#include "runtime/text/jinja/values/scope.h"

namespace metronome::text::jinja {

// How a body of statements ended.
enum class Flow { kNormal, kBreak, kContinue };

// Runs a template's statements. One object serves one rendering; the tree and the rendering outlive it and all values
// that it makes.
class Evaluator {
 public:
  using ScopePtr = std::shared_ptr<Scope>;

  explicit Evaluator(Rendering& rendering) : rendering_(rendering) {}

  absl::StatusOr<Flow> Run(const Body& body, const ScopePtr& scope, std::string& output);
  absl::StatusOr<Value> Evaluate(const Expression& expression, const ScopePtr& scope);

  // The body of a macro with its parameters.
  absl::StatusOr<Value> RunMacro(const Statement& macro, const ScopePtr& defined_in, Arguments arguments);

 private:
  // Statements.
  absl::StatusOr<Flow> RunStatement(const Statement& statement, const ScopePtr& scope, std::string& output);
  absl::StatusOr<Flow> RunIf(const Statement& statement, const ScopePtr& scope, std::string& output);
  absl::StatusOr<Flow> RunFor(const Statement& statement, const ScopePtr& scope, std::string& output);
  absl::StatusOr<Flow> RunLoop(const Statement& statement, const Value& iterable, int depth, const ScopePtr& scope,
                               std::string& output);
  absl::StatusOr<Flow> RunWith(const Statement& statement, const ScopePtr& scope, std::string& output);
  absl::StatusOr<Flow> RunFilterBlock(const Statement& statement, const ScopePtr& scope, std::string& output);
  absl::StatusOr<Flow> RunSetBlock(const Statement& statement, const ScopePtr& scope);
  absl::Status RunSet(const Statement& statement, const ScopePtr& scope);
  absl::Status RunCallBlock(const Statement& statement, const ScopePtr& scope, std::string& output);
  absl::Status RunGeneration(const Statement& statement, const ScopePtr& scope, std::string& output);
  absl::Status Assign(const Expression& target, Value value, const ScopePtr& scope);
  absl::Status CheckNamespaces(const Expression& target, const ScopePtr& scope);
  absl::StatusOr<Value> NewMacro(const Statement& statement, const ScopePtr& scope);
  absl::StatusOr<std::shared_ptr<Iterator>> FilteredItems(const Statement& statement, const Value& iterable,
                                                          const ScopePtr& scope);
  absl::Status Print(const Value& value, std::string& output);
  absl::Status Write(absl::string_view text, std::string& output);

  // Expressions.
  absl::StatusOr<Value> LookUp(const std::string& name, const ScopePtr& scope) const;
  absl::StatusOr<std::vector<Value>> EvaluateAll(const std::vector<ExpressionPtr>& expressions, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateDict(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateSlice(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateCall(const Expression& expression, const ScopePtr& scope, const Value* caller);
  absl::StatusOr<Value> EvaluateFilter(const Expression& expression, const ScopePtr& scope, const Value* subject);
  absl::StatusOr<Value> EvaluateConditional(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateCompare(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateLogic(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> Concatenate(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Arguments> EvaluateArguments(const CallSyntax& call, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateKind(const Expression& expression, const ScopePtr& scope);

  Rendering& rendering_;
};

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_EVALUATOR_H_
