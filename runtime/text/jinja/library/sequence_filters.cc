// Jinja's filters on sequences.
#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/library/filters.h"
#include "runtime/text/jinja/library/getter.h"
#include "runtime/text/jinja/library/parameters.h"
#include "runtime/text/jinja/library/value_tests.h"
#include "runtime/text/jinja/text/text_form.h"
#include "runtime/text/jinja/values/operators.h"
#include "runtime/text/jinja/values/sorting.h"

namespace metronome::text::jinja {
namespace {

using Items = std::vector<Value>;
using Keyed = std::pair<Value, Value>;  // A key and its item.

// A value that yields what `next` returns; `source` is the input it reads.
absl::StatusOr<Value> NewGenerator(Rendering& rendering, const Value& source,
                                   std::function<absl::StatusOr<std::optional<Value>>(Rendering&)> next) {
  RETURN_IF_ERROR(rendering.budget.Nest(source.nesting() + 1));
  RETURN_IF_ERROR(rendering.budget.Allocate(256));
  return Value(std::static_pointer_cast<Object>(IterateWith(source.nesting(), std::move(next))));
}

// Reads an input when it is first asked for an item.
struct LazyInput {
  Value source;
  std::shared_ptr<Iterator> iterator;

  absl::StatusOr<std::optional<Value>> Next(Rendering& rendering) {
    if (iterator == nullptr) {
      ASSIGN_OR_RETURN(iterator, Iterate(rendering, source));
    }
    return jinja::Next(rendering, *iterator);
  }
};

absl::StatusOr<Value> List(Rendering& rendering, const Value& input, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("list", std::move(arguments), {}, 0).status());
  ASSIGN_OR_RETURN(Items items, Collect(rendering, input));
  return NewList(rendering, std::move(items));
}

absl::StatusOr<Value> Count(Rendering& rendering, const Value& input, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("length", std::move(arguments), {}, 0).status());
  ASSIGN_OR_RETURN(const int64_t length, Length(rendering, input));
  return Value(length);
}

absl::StatusOr<Value> First(Rendering& rendering, const Value& input, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("first", std::move(arguments), {}, 0).status());
  ASSIGN_OR_RETURN(const auto iterator, Iterate(rendering, input));
  ASSIGN_OR_RETURN(std::optional<Value> item, Next(rendering, *iterator));
  return item.has_value() ? *std::move(item) : NewUndefined("No first item, sequence was empty.");
}

absl::StatusOr<Value> Last(Rendering& rendering, const Value& input, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("last", std::move(arguments), {}, 0).status());
  ASSIGN_OR_RETURN(const auto iterator, IterateReversed(rendering, input));
  if (iterator == nullptr) return TypeError(absl::StrCat("'", input.TypeName(), "' object is not reversible"));
  ASSIGN_OR_RETURN(std::optional<Value> item, Next(rendering, *iterator));
  return item.has_value() ? *std::move(item) : NewUndefined("No last item, sequence was empty.");
}

absl::StatusOr<Value> Reverse(Rendering& rendering, const Value& input, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("reverse", std::move(arguments), {}, 0).status());
  if (input.is_text()) return Slice(rendering, input, Value(), Value(), Value(int64_t{-1}));
  ASSIGN_OR_RETURN(const std::shared_ptr<Iterator> iterator, IterateReversed(rendering, input));
  if (iterator != nullptr) return Value(std::static_pointer_cast<Object>(iterator));
  ASSIGN_OR_RETURN(Items items, Collect(rendering, input));
  std::reverse(items.begin(), items.end());
  return NewList(rendering, std::move(items));
}

absl::StatusOr<Value> Join(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("join", std::move(arguments), {"d", "attribute"}, 0));
  ASSIGN_OR_RETURN(const std::string separator, p.has(0) ? Str(rendering, p[0]) : std::string());
  const Getter getter = GetterOf(p[1], false);
  ASSIGN_OR_RETURN(const auto iterator, Iterate(rendering, input));
  std::string text;
  for (bool first = true;; first = false) {
    ASSIGN_OR_RETURN(std::optional<Value> item, Next(rendering, *iterator));
    if (!item.has_value()) return NewText(rendering, std::move(text));
    if (!first) RETURN_IF_ERROR(rendering.budget.Allocate(static_cast<int64_t>(separator.size())));
    if (!first) text += separator;
    ASSIGN_OR_RETURN(const Value part, getter.Get(rendering, *std::move(item)));
    RETURN_IF_ERROR(AppendStr(rendering, part, text));
  }
}

absl::StatusOr<std::vector<Keyed>> KeyedItems(Rendering& rendering, const Value& input,
                                              const std::vector<Getter>& getters) {
  ASSIGN_OR_RETURN(Items items, Collect(rendering, input));
  std::vector<Keyed> keyed;
  for (Value& item : items) {
    Items keys;
    for (const Getter& getter : getters) {
      ASSIGN_OR_RETURN(keys.emplace_back(), getter.Get(rendering, item));
    }
    Value key = keys[0];
    if (keys.size() > 1) {
      ASSIGN_OR_RETURN(key, NewList(rendering, std::move(keys)));
    }
    RETURN_IF_ERROR(rendering.budget.Allocate(sizeof(Keyed)));
    keyed.emplace_back(std::move(key), std::move(item));
  }
  return keyed;
}

absl::Status SortByKey(Rendering& rendering, std::vector<Keyed>& keyed, bool reverse) {
  return StableSort(keyed, [&](const Keyed& a, const Keyed& b) {
    return reverse ? Less(rendering, b.first, a.first) : Less(rendering, a.first, b.first);
  });
}

absl::StatusOr<Value> Sort(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p,
                   Parameters::Match("sort", std::move(arguments), {"reverse", "case_sensitive", "attribute"}, 0));
  const bool ignore_case = !p.True(1, false);
  std::vector<Getter> getters;
  if (p[2].is_text()) {
    for (const absl::string_view part : absl::StrSplit(p[2].text(), ','))
      getters.push_back(GetterOf(Value::Text(std::string(part)), ignore_case));
  } else {
    getters.push_back(GetterOf(p[2], ignore_case));
  }
  ASSIGN_OR_RETURN(std::vector<Keyed> keyed, KeyedItems(rendering, input, getters));
  RETURN_IF_ERROR(SortByKey(rendering, keyed, p.True(0, false)));
  Items sorted;
  for (Keyed& entry : keyed) sorted.push_back(std::move(entry.second));
  return NewList(rendering, std::move(sorted));
}

absl::StatusOr<Value> DictSort(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p,
                   Parameters::Match("dictsort", std::move(arguments), {"case_sensitive", "by", "reverse"}, 0));
  ASSIGN_OR_RETURN(const std::string by, p.Text(1, "key"));
  if (by != "key" && by != "value") return ValueError("You can only sort by either \"key\" or \"value\"");
  if (input.is_undefined()) return UndefinedError(input);
  if (!input.is_dict()) return TypeError(absl::StrCat("'", input.TypeName(), "' object has no attribute 'items'"));
  const Getter getter{.path = {Value(int64_t{by == "key" ? 0 : 1})}, .ignore_case = !p.True(0, false)};
  const Value view(std::make_shared<DictView>(input, DictView::Part::kItems));
  ASSIGN_OR_RETURN(std::vector<Keyed> keyed, KeyedItems(rendering, view, {getter}));
  RETURN_IF_ERROR(SortByKey(rendering, keyed, p.True(2, false)));
  Items sorted;
  for (Keyed& entry : keyed) sorted.push_back(std::move(entry.second));
  return NewList(rendering, std::move(sorted));
}

absl::StatusOr<Value> GroupBy(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p,
                   Parameters::Match("groupby", std::move(arguments), {"attribute", "default", "case_sensitive"}, 1));
  Getter getter = GetterOf(p[0], !p.True(2, false));
  if (!p[1].is_none()) getter.missing = p[1];
  ASSIGN_OR_RETURN(std::vector<Keyed> keyed, KeyedItems(rendering, input, {getter}));
  RETURN_IF_ERROR(SortByKey(rendering, keyed, /*reverse=*/false));
  getter.ignore_case = false;  // A group is called by the key of its first item as it is.
  Items groups;
  for (size_t begin = 0; begin < keyed.size();) {
    Items members;
    size_t end = begin;
    for (bool equal = true; equal && end < keyed.size();) {
      members.push_back(keyed[end].second);
      if (++end == keyed.size()) break;
      ASSIGN_OR_RETURN(equal, Equal(rendering, keyed[begin].first, keyed[end].first));
    }
    ASSIGN_OR_RETURN(Value name, getter.Get(rendering, members[0]));
    ASSIGN_OR_RETURN(Value list, NewList(rendering, std::move(members)));
    ASSIGN_OR_RETURN(groups.emplace_back(), NewTuple(rendering, {std::move(name), std::move(list)}, /*is_group=*/true));
    begin = end;
  }
  return NewList(rendering, std::move(groups));
}

template <bool kMax>
absl::StatusOr<Value> Extreme(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p,
                   Parameters::Match(kMax ? "max" : "min", std::move(arguments), {"case_sensitive", "attribute"}, 0));
  ASSIGN_OR_RETURN(std::vector<Keyed> keyed, KeyedItems(rendering, input, {GetterOf(p[1], !p.True(0, false))}));
  if (keyed.empty()) return NewUndefined("No aggregated item, sequence was empty.");
  size_t best = 0;
  for (size_t i = 1; i < keyed.size(); ++i) {
    ASSIGN_OR_RETURN(const bool better, Compare(rendering, kMax ? Comparison::kGreater : Comparison::kLess,
                                                keyed[i].first, keyed[best].first));
    if (better) best = i;
  }
  return keyed[best].second;
}

absl::StatusOr<Value> Sum(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("sum", std::move(arguments), {"attribute", "start"}, 0));
  Value sum = p.has(1) ? p[1] : Value(int64_t{0});
  if (sum.is_text()) return TypeError("sum() can't sum strings [use ''.join(seq) instead]");
  const Getter getter = GetterOf(p[0], false);
  ASSIGN_OR_RETURN(const auto iterator, Iterate(rendering, input));
  while (true) {
    ASSIGN_OR_RETURN(std::optional<Value> item, Next(rendering, *iterator));
    if (!item.has_value()) return sum;
    ASSIGN_OR_RETURN(const Value value, getter.Get(rendering, *std::move(item)));
    ASSIGN_OR_RETURN(sum, Calculate(rendering, BinaryOperator::kAdd, sum, value));
  }
}

absl::StatusOr<Value> Unique(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p,
                   Parameters::Match("unique", std::move(arguments), {"case_sensitive", "attribute"}, 0));
  return NewGenerator(
      rendering, input,
      [source = LazyInput{input, nullptr}, getter = GetterOf(p[1], !p.True(0, false)),
       seen = absl::flat_hash_set<std::string>()](Rendering& r) mutable -> absl::StatusOr<std::optional<Value>> {
        while (true) {
          ASSIGN_OR_RETURN(std::optional<Value> item, source.Next(r));
          if (!item.has_value()) return item;
          ASSIGN_OR_RETURN(const Value key, getter.Get(r, *item));
          ASSIGN_OR_RETURN(const std::string hash_key, HashKey(r, key));
          if (seen.insert(hash_key).second) return item;
        }
      });
}

absl::StatusOr<Value> Batch(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("batch", std::move(arguments), {"linecount", "fill_with"}, 1));
  ASSIGN_OR_RETURN(const int64_t count, p.Int(0, 0));
  // A count below one never fills a batch but for the check before the first item: all items come in one, or each
  // begins with an empty list.
  if (count < 1) return absl::UnimplementedError("the filter 'batch' with a count below 1");
  return NewGenerator(rendering, input,
                      [source = LazyInput{input, nullptr}, count, fill = p[1],
                       done = false](Rendering& r) mutable -> absl::StatusOr<std::optional<Value>> {
                        Items batch;
                        while (!done && static_cast<int64_t>(batch.size()) < count) {
                          ASSIGN_OR_RETURN(std::optional<Value> item, source.Next(r));
                          done = !item.has_value();
                          if (!done) batch.push_back(*std::move(item));
                        }
                        if (batch.empty()) return std::nullopt;
                        if (!fill.is_none()) {
                          const int64_t missing = count - static_cast<int64_t>(batch.size());
                          RETURN_IF_ERROR(r.budget.Step(missing));
                          batch.resize(static_cast<size_t>(count), fill);
                        }
                        ASSIGN_OR_RETURN(Value list, NewList(r, std::move(batch)));
                        return list;
                      });
}

absl::StatusOr<Value> Slices(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("slice", std::move(arguments), {"slices", "fill_with"}, 1));
  ASSIGN_OR_RETURN(const int64_t slices, p.Int(0, 0));
  return NewGenerator(rendering, input,
                      [input, slices, fill = p[1], number = int64_t{0},
                       items = std::optional<Items>()](Rendering& r) mutable -> absl::StatusOr<std::optional<Value>> {
                        if (!items.has_value()) {
                          ASSIGN_OR_RETURN(items, Collect(r, input));
                          if (slices == 0) return ValueError("integer division or modulo by zero");
                        }
                        if (number >= slices) return std::nullopt;
                        const auto length = static_cast<int64_t>(items->size());
                        const int64_t each = length / slices, longer = length % slices;
                        const int64_t begin = number * each + std::min(number, longer);
                        const int64_t end = begin + each + (number < longer ? 1 : 0);
                        Items part(items->begin() + begin, items->begin() + end);
                        if (!fill.is_none() && number >= longer) part.push_back(fill);
                        ++number;
                        ASSIGN_OR_RETURN(Value list, NewList(r, std::move(part)));
                        return list;
                      });
}

absl::StatusOr<Value> DictItems(Rendering& rendering, const Value& input, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("items", std::move(arguments), {}, 0).status());
  return NewGenerator(
      rendering, input,
      [input, iterator = std::shared_ptr<Iterator>()](Rendering& r) mutable -> absl::StatusOr<std::optional<Value>> {
        if (input.is_undefined()) return std::nullopt;
        if (!input.is_dict()) return TypeError("Can only get item pairs from a mapping.");
        if (iterator == nullptr) iterator = std::make_shared<DictView>(input, DictView::Part::kItems)->Iterate();
        return Next(r, *iterator);
      });
}

// What map does to an item.
absl::StatusOr<Value> Mapped(Rendering& rendering, const Value& item, const Arguments& arguments) {
  Arguments rest = arguments;
  if (rest.positional.empty() && rest.Named("attribute") != nullptr) {
    Getter getter = GetterOf(*rest.Take("attribute"), false);
    if (std::optional<Value> missing = rest.Take("default"); missing.has_value() && !missing->is_none())
      getter.missing = *missing;
    if (!rest.named.empty()) return TypeError(absl::StrCat("Unexpected keyword argument '", rest.named[0].first, "'"));
    return getter.Get(rendering, item);
  }
  if (rest.positional.empty()) return TypeError("map requires a filter argument");
  const Value name = rest.positional[0];
  rest.positional.erase(rest.positional.begin());
  if (!name.is_text()) return TypeError("No filter named so.");
  return ApplyFilter(rendering, name.text(), item, std::move(rest));
}

absl::StatusOr<Value> Map(Rendering& rendering, const Value& input, Arguments arguments) {
  return NewGenerator(rendering, input,
                      [source = LazyInput{input, nullptr},
                       arguments = std::move(arguments)](Rendering& r) mutable -> absl::StatusOr<std::optional<Value>> {
                        if (!IsTrue(source.source)) return std::nullopt;
                        ASSIGN_OR_RETURN(const std::optional<Value> item, source.Next(r));
                        if (!item.has_value()) return std::nullopt;
                        ASSIGN_OR_RETURN(Value mapped, Mapped(r, *item, arguments));
                        return mapped;
                      });
}

// Whether select keeps an item: the test it passes, if the arguments name one, or its truth.
absl::StatusOr<bool> Passes(Rendering& rendering, Value item, const Arguments& arguments, bool by_attribute) {
  Arguments rest = arguments;
  if (by_attribute) {
    if (rest.positional.empty()) return TypeError("Missing parameter for attribute name");
    ASSIGN_OR_RETURN(item, GetterOf(rest.positional[0], false).Get(rendering, item));
    rest.positional.erase(rest.positional.begin());
  }
  if (rest.positional.empty()) return IsTrue(item);
  const Value name = rest.positional[0];
  rest.positional.erase(rest.positional.begin());
  if (!name.is_text()) return TypeError("No test named so.");
  return ApplyTest(rendering, name.text(), item, std::move(rest));
}

template <bool kKeep, bool kByAttribute>
absl::StatusOr<Value> Select(Rendering& rendering, const Value& input, Arguments arguments) {
  return NewGenerator(rendering, input,
                      [source = LazyInput{input, nullptr},
                       arguments = std::move(arguments)](Rendering& r) mutable -> absl::StatusOr<std::optional<Value>> {
                        if (!IsTrue(source.source)) return std::nullopt;
                        while (true) {
                          ASSIGN_OR_RETURN(std::optional<Value> item, source.Next(r));
                          if (!item.has_value()) return item;
                          ASSIGN_OR_RETURN(const bool passes, Passes(r, *item, arguments, kByAttribute));
                          if (passes == kKeep) return item;
                        }
                      });
}

}  // namespace

const FilterTable& SequenceFilters() {
  static const auto* const filters = new FilterTable{
      {"batch", Batch},
      {"count", Count},
      {"dictsort", DictSort},
      {"first", First},
      {"groupby", GroupBy},
      {"items", DictItems},
      {"join", Join},
      {"last", Last},
      {"length", Count},
      {"list", List},
      {"map", Map},
      {"max", Extreme<true>},
      {"min", Extreme<false>},
      {"reject", Select<false, false>},
      {"rejectattr", Select<false, true>},
      {"reverse", Reverse},
      {"select", Select<true, false>},
      {"selectattr", Select<true, true>},
      {"slice", Slices},
      {"sort", Sort},
      {"sum", Sum},
      {"unique", Unique},
  };
  return *filters;
}

}  // namespace metronome::text::jinja
