#ifndef METRONOME_RUNTIME_TEXT_JINJA_VALUES_VALUE_H_
#define METRONOME_RUNTIME_TEXT_JINJA_VALUES_VALUE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace metronome::text::jinja {

class Object;
struct UndefinedBody;
struct TextBody;
struct ListBody;
struct TupleBody;
class Dict;

// In the order of Value's variant.
enum class Kind { kNone, kUndefined, kBool, kInt, kFloat, kText, kList, kTuple, kDict, kObject };

// A value of a template, with the meaning that Python gives it. Values are immutable, but for what objects hold
// (namespaces, iterators); copies share. Text is well-formed UTF-8, and its positions count code points.
class Value {
 public:
  Value() = default;  // None.
  explicit Value(bool value) : storage_(value) {}
  explicit Value(int64_t value) : storage_(value) {}
  explicit Value(double value) : storage_(value) {}
  explicit Value(std::shared_ptr<const UndefinedBody> body) : storage_(std::move(body)) {}
  explicit Value(std::shared_ptr<const TextBody> body) : storage_(std::move(body)) {}
  explicit Value(std::shared_ptr<const ListBody> body) : storage_(std::move(body)) {}
  explicit Value(std::shared_ptr<const TupleBody> body) : storage_(std::move(body)) {}
  explicit Value(std::shared_ptr<const Dict> body) : storage_(std::move(body)) {}
  explicit Value(std::shared_ptr<Object> object) : storage_(std::move(object)) {}
  Value(const void*) = delete;  // A pointer is not a bool.

  // Text that is not counted against a budget: names and the texts of templates.
  static Value Text(std::string text);

  Kind kind() const { return static_cast<Kind>(storage_.index()); }
  bool is_none() const { return kind() == Kind::kNone; }
  bool is_undefined() const { return kind() == Kind::kUndefined; }
  bool is_bool() const { return kind() == Kind::kBool; }
  bool is_float() const { return kind() == Kind::kFloat; }
  bool is_text() const { return kind() == Kind::kText; }
  bool is_dict() const { return kind() == Kind::kDict; }
  bool is_sequence() const { return kind() == Kind::kList || kind() == Kind::kTuple; }
  bool is_integral() const { return kind() == Kind::kBool || kind() == Kind::kInt; }  // As for Python, true is 1.
  bool is_number() const { return is_integral() || is_float(); }

  // Each needs its kind; `integer` takes integral values, `number` all numbers, `items` lists and tuples.
  bool boolean() const { return std::get<bool>(storage_); }
  int64_t integer() const { return is_bool() ? static_cast<int64_t>(boolean()) : std::get<int64_t>(storage_); }
  double number() const { return is_float() ? std::get<double>(storage_) : static_cast<double>(integer()); }
  const UndefinedBody& undefined() const { return *std::get<std::shared_ptr<const UndefinedBody>>(storage_); }
  const TextBody& text_body() const { return *std::get<std::shared_ptr<const TextBody>>(storage_); }
  absl::string_view text() const;
  const std::vector<Value>& items() const;
  const TupleBody& tuple() const { return *std::get<std::shared_ptr<const TupleBody>>(storage_); }
  const Dict& dict() const { return *std::get<std::shared_ptr<const Dict>>(storage_); }
  const std::shared_ptr<Object>& object() const { return std::get<std::shared_ptr<Object>>(storage_); }

  // The object, if it is one of class `T`; else nullptr.
  template <class T>
  std::shared_ptr<T> As() const {
    return kind() == Kind::kObject ? std::dynamic_pointer_cast<T>(object()) : nullptr;
  }

  // Levels of values in values; 0 for those that hold none.
  int nesting() const;
  // The same list, tuple, dict or object; equal scalars of one type.
  bool IsSame(const Value& other) const;
  // Python's name of the type: "str", "list", ...
  std::string TypeName() const;
  // As the messages of undefined values call it: "dict object", "None".
  std::string TypeDescription() const;

 private:
  std::variant<std::monostate, std::shared_ptr<const UndefinedBody>, bool, int64_t, double,
               std::shared_ptr<const TextBody>, std::shared_ptr<const ListBody>, std::shared_ptr<const TupleBody>,
               std::shared_ptr<const Dict>, std::shared_ptr<Object>>
      storage_;
};

// What a name or attribute that is not there yields: prints nothing, is false, and fails with `message` in any other
// use.
struct UndefinedBody {
  std::string message;
};

struct TextBody {
  std::string bytes;
  int64_t length = 0;   // Code points.
  bool markup = false;  // Marked safe: text that is added to it is escaped.

  bool is_ascii() const { return length == static_cast<int64_t>(bytes.size()); }
};

struct ListBody {
  std::vector<Value> items;
  int nesting = 1;
};

struct TupleBody {
  std::vector<Value> items;
  int nesting = 1;
  bool is_group = false;  // Of the filter groupby: its items are called grouper and list.
};

// A dict in order of insertion. Keys that are not text are found by their hash key (see HashKey).
class Dict {
 public:
  const std::vector<std::pair<Value, Value>>& entries() const { return entries_; }
  size_t size() const { return entries_.size(); }
  int nesting() const { return nesting_; }

  const Value* Find(absl::string_view text) const;  // nullptr if it is not there.
  const Value* FindHashed(const std::string& hash_key) const;

  // A key that is there keeps its place.
  void Set(absl::string_view text, Value value);
  void SetHashed(const std::string& hash_key, Value key, Value value);

 private:
  void Put(absl::flat_hash_map<std::string, size_t>& index, absl::string_view name, const Value& key, Value value);

  std::vector<std::pair<Value, Value>> entries_;
  absl::flat_hash_map<std::string, size_t> texts_;
  absl::flat_hash_map<std::string, size_t> others_;
  int nesting_ = 1;
};

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_VALUES_VALUE_H_
