#include "runtime/text/jinja/template.h"

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/encoding/utf8.h"
#include "runtime/text/jinja/evaluator.h"
#include "runtime/text/jinja/syntax/parser.h"
#include "runtime/text/jinja/text/rendering.h"

namespace metronome::text::jinja {

struct Template::Parsed {
  Body body;
};

Template::Template(std::unique_ptr<Parsed> parsed) : parsed_(std::move(parsed)) {}

Template::~Template() = default;

absl::StatusOr<std::unique_ptr<Template>> Template::Parse(absl::string_view source) {
  if (!IsUtf8(source)) return absl::InvalidArgumentError("the template is not UTF-8");
  auto parsed = std::make_unique<Parsed>();
  ASSIGN_OR_RETURN(parsed->body, ParseTemplate(source));
  return std::unique_ptr<Template>(new Template(std::move(parsed)));
}

absl::StatusOr<std::string> Template::Render(const Dict& variables, const RenderOptions& options) const {
  Rendering rendering(options.limits);
  rendering.now = options.now;
  rendering.time_zone = options.time_zone;
  const auto context = std::make_shared<Scope>(nullptr);
  for (const auto& [name, value] : variables.entries())
    if (name.is_text()) context->Set(name.text(), value);
  const auto scope = std::make_shared<Scope>(context);
  Evaluator evaluator(rendering);
  std::string output;
  const absl::Status status = evaluator.Run(parsed_->body, scope, output).status();
  if (status.ok()) return output;
  if (rendering.raised && absl::IsInvalidArgument(status)) return status;
  return absl::Status(status.code(), absl::StrCat("chat template, line ", rendering.line, ": ", status.message()));
}

}  // namespace metronome::text::jinja
