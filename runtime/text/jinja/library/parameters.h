#ifndef METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_PARAMETERS_H_
#define METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_PARAMETERS_H_

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/jinja/text/rendering.h"
#include "runtime/text/jinja/values/object.h"

namespace metronome::text::jinja {

// The arguments of a call, matched to the parameters of a function as Python matches them.
class Parameters {
 public:
  // The first `required` of `names` must be given. TypeError for arguments that are missing, too many, unknown or given
  // twice. A name that begins with '/' is taken by position only.
  static absl::StatusOr<Parameters> Match(absl::string_view function, Arguments arguments,
                                          std::initializer_list<absl::string_view> names, size_t required);

  bool has(size_t i) const { return values_[i].has_value(); }
  // Parameter `i`, or None.
  const Value& operator[](size_t i) const;

  // TypeError for a value of another type; `missing` for a parameter that was not given.
  absl::StatusOr<int64_t> Int(size_t i, int64_t missing) const;
  absl::StatusOr<std::string> Text(size_t i, absl::string_view missing) const;
  bool True(size_t i, bool missing) const;

 private:
  std::string function_;
  std::vector<std::optional<Value>> values_;
};

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_PARAMETERS_H_
