#ifndef METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_SYNTAX_TREE_H_
#define METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_SYNTAX_TREE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/text/jinja/values/operators.h"
#include "runtime/text/jinja/values/value.h"

namespace metronome::text::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

// What is in the parentheses of a call, filter or test.
struct CallSyntax {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr star;       // *values, or null.
  ExpressionPtr star_star;  // **dict, or null.
};

enum class ExpressionKind {
  kConstant,     // constant
  kName,         // name
  kTuple,        // children...
  kList,         // children...
  kDict,         // children: key, value, key, value...
  kAttribute,    // children[0].name
  kItem,         // children[0][children[1]]
  kSlice,        // children[0][children[1]:children[2]:children[3]], null where left out
  kCall,         // children[0](call)
  kFilter,       // children[0] | name(call); the child is null in a filter block
  kTest,         // children[0] is name(call)
  kConditional,  // children[1] if children[0] else children[2], which may be null
  kCompare,      // children[0] comparisons[0] children[1] comparisons[1] ...
  kCalculate,    // children[0] operator children[1]
  kConcatenate,  // children ~ ...
  kNegate,
  kPlus,
  kNot,
  kAnd,
  kOr,
  kNamespaceTarget,  // name.attribute, assigned to
};

struct Expression {
  ExpressionKind kind = ExpressionKind::kConstant;
  int line = 0;
  int height = 1;  // Levels of the tree below, this one included.
  std::string name;
  std::string attribute;
  Value constant;
  std::vector<ExpressionPtr> children;
  CallSyntax call;
  std::vector<Comparison> comparisons;
  BinaryOperator binary = BinaryOperator::kAdd;
};

struct Statement;
using StatementPtr = std::unique_ptr<Statement>;
using Body = std::vector<StatementPtr>;

// A macro's or call block's parameters; the last ones have defaults.
struct Signature {
  std::vector<std::string> names;
  std::vector<ExpressionPtr> defaults;
  // What else the body asks for.
  bool uses_caller = false, uses_kwargs = false, uses_varargs = false;
};

enum class StatementKind {
  kData,         // text
  kOutput,       // {{ expression }}
  kIf,           // if expression: body, else: otherwise (which holds one kIf for an elif)
  kFor,          // for target in expression if test: body, else: otherwise
  kSet,          // set target = expression
  kSetBlock,     // set target (| filter in expression): body
  kWith,         // with targets = values: body
  kScope,        // body in a scope of its own
  kFilterBlock,  // filter expression: body
  kMacro,        // macro text signature: body
  kCallBlock,    // call signature expression: body
  kGeneration,   // body, which is what the assistant says
  kBreak,
  kContinue,
  kUnsupported,  // text names it
};

struct Statement {
  StatementKind kind = StatementKind::kData;
  int line = 0;
  std::string text;
  ExpressionPtr target, expression, test;
  std::vector<ExpressionPtr> targets, values;
  Signature signature;
  Body body, otherwise;
  bool recursive = false;
};

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_SYNTAX_TREE_H_
