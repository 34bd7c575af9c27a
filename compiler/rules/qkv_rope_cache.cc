#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/rules/rules.h"

namespace metronome::compiler {
namespace {

// Rows [seq, heads, d] that are a product of x, in whole heads, perhaps with a norm of each head.
struct Projection {
  ClassId x = -1, w = -1, bias = -1;  // -1: none.
  ClassId product = -1;
  ClassId head_norm = -1;
  kernels::Attributes norm;  // Of the head norm.
};

bool IsWeight(const EGraph& egraph, ClassId id) {
  const std::vector<ENode>& nodes = egraph.Class(id).nodes;
  return std::any_of(nodes.begin(), nodes.end(), [](const ENode& node) { return node.op == kernels::Op::kWeight; });
}

// Whether only nodes of these ops read the class.
bool OnlyReadBy(const EGraph& egraph, ClassId id, std::initializer_list<kernels::Op> ops) {
  const auto& parents = egraph.Class(id).parents;
  return std::all_of(parents.begin(), parents.end(), [&](const auto& parent) {
    return std::find(ops.begin(), ops.end(), parent.first.op) != ops.end();
  });
}

// The products that `rows` are reshaped from, with weights that are leaves, so that no product depends on another. One
// that others read as well would be computed twice.
void AddProducts(const EGraph& egraph, ClassId rows, std::vector<Projection>& found) {
  for (const ENode& reshape : egraph.Class(rows).nodes) {
    if (reshape.op != kernels::Op::kReshape) continue;
    const ClassId product = egraph.Find(reshape.children[0]);
    const auto& parents = egraph.Class(product).parents;
    const bool shared = std::any_of(parents.begin(), parents.end(), [&](const auto& parent) {
      return parent.first.op != kernels::Op::kReshape || egraph.Find(parent.second) != egraph.Find(rows);
    });
    if (shared) continue;
    for (const ENode& node : egraph.Class(product).nodes) {
      const bool has_bias = node.attributes.Int("has_bias") != 0;
      if (node.op != kernels::Op::kLinear || node.children.size() != (has_bias ? 3u : 2u) ||
          !node.attributes.String("activation").empty() || !IsWeight(egraph, node.children[1]))
        continue;
      found.push_back({.x = egraph.Find(node.children[0]),
                       .w = egraph.Find(node.children[1]),
                       .bias = has_bias ? egraph.Find(node.children[2]) : -1,
                       .product = product});
    }
  }
}

// Those of rows that are turned, read by nothing but what a rope or the norm before it is made of.
std::vector<Projection> HeadsOf(const EGraph& egraph, ClassId rows) {
  std::vector<Projection> found;
  if (!OnlyReadBy(egraph, rows, {kernels::Op::kRope, kernels::Op::kSlice, kernels::Op::kMul})) return found;
  AddProducts(egraph, rows, found);
  for (const ENode& norm : egraph.Class(rows).nodes) {
    if (norm.op != kernels::Op::kRmsNorm || norm.children.size() != 2 ||
        !OnlyReadBy(egraph, norm.children[0], {kernels::Op::kRmsNorm, kernels::Op::kCast, kernels::Op::kMul}))
      continue;
    const size_t first = found.size();
    AddProducts(egraph, norm.children[0], found);
    for (size_t i = first; i < found.size(); ++i) {
      found[i].head_norm = egraph.Find(norm.children[1]);
      found[i].norm = norm.attributes;
    }
  }
  return found;
}

struct Turned {
  ClassId rows, cos, sin;  // What a rope makes.
  Projection heads;
};

struct Written {
  ClassId cache, state;  // What a cache write makes, and of what.
};

// Products of one x become queries, and keys and values in their caches, in one call. Rules as text see one tree at a
// time. A match binds classes {q, k cache, v cache, operands of the call} and its attributes.
class QkvRopeCache final : public Rewrite {
 public:
  absl::string_view name() const override { return "qkv-rope-cache"; }

  std::vector<RewriteMatch> Search(const EGraph& egraph, size_t limit) const override {
    std::vector<Turned> turned;
    for (ClassId id : egraph.ClassesWith(kernels::Op::kRope)) {
      for (const ENode& rope : egraph.Class(id).nodes) {
        if (rope.op != kernels::Op::kRope) continue;
        for (Projection& heads : HeadsOf(egraph, rope.children[0]))
          turned.push_back({id, egraph.Find(rope.children[1]), egraph.Find(rope.children[2]), std::move(heads)});
      }
    }
    std::vector<std::pair<Written, Turned>> keys;
    std::vector<std::pair<Written, Projection>> values;
    for (ClassId id : egraph.ClassesWith(kernels::Op::kCacheWrite)) {
      for (const ENode& write : egraph.Class(id).nodes) {
        if (write.op != kernels::Op::kCacheWrite) continue;
        const Written written = {id, egraph.Find(write.children[0])};
        const ClassId rows = egraph.Find(write.children[1]);
        if (!OnlyReadBy(egraph, rows, {kernels::Op::kCacheWrite})) continue;
        for (const Turned& key : turned) {
          if (key.rows == rows) keys.emplace_back(written, key);
        }
        std::vector<Projection> products;
        AddProducts(egraph, rows, products);
        for (Projection& product : products) values.emplace_back(written, std::move(product));
      }
    }
    std::vector<RewriteMatch> matches;
    for (const auto& [k_written, key] : keys) {
      for (const auto& [v_written, value] : values) {
        for (const Turned& query : turned) {
          if (matches.size() == limit) return matches;
          if (Belong(query, key, value)) matches.push_back(MatchOf(query, k_written, key, v_written, value));
        }
      }
    }
    return matches;
  }

  ApplyOutcome Apply(EGraph& egraph, const RewriteMatch& match) const override {
    const std::vector<ClassId>& bound = match.bound.classes;
    ENode node = {.op = kernels::Op::kQkvRopeCache,
                  .children = {bound.begin() + 3, bound.end()},
                  .attributes = *match.bound.attributes[0]};
    ClassId outputs[3];
    for (int i = 0; i < 3; ++i) {
      node.attributes.Set("output", int64_t{i});
      const absl::StatusOr<ClassId> output = egraph.Add(node);
      if (!output.ok() || egraph.Class(*output).type != egraph.Class(bound[i]).type) return ApplyOutcome::kDeclined;
      outputs[i] = *output;
    }
    bool changed = false;
    for (int i = 0; i < 3; ++i) changed = egraph.Merge(bound[i], outputs[i]) || changed;
    return changed ? ApplyOutcome::kChanged : ApplyOutcome::kUnchanged;
  }

 private:
  // Whether the three are of one attention: of one x, turned alike, three different products.
  static bool Belong(const Turned& query, const Turned& key, const Projection& value) {
    const Projection &q = query.heads, &k = key.heads;
    return q.x == k.x && k.x == value.x && query.cos == key.cos && query.sin == key.sin && q.product != k.product &&
           k.product != value.product && q.product != value.product && (q.bias < 0) == (k.bias < 0) &&
           (k.bias < 0) == (value.bias < 0) && (q.head_norm < 0) == (k.head_norm < 0) && q.norm == k.norm;
  }

  static RewriteMatch MatchOf(const Turned& query, const Written& k_written, const Turned& key,
                              const Written& v_written, const Projection& value) {
    const Projection &q = query.heads, &k = key.heads;
    RewriteMatch match = {.root = query.rows};
    std::vector<ClassId>& bound = match.bound.classes;
    bound = {query.rows, k_written.cache, v_written.cache, q.x, q.w, k.w, value.w, query.cos,
             query.sin,  k_written.state, v_written.state};
    kernels::Attributes attributes;
    if (q.bias >= 0) {
      bound.insert(bound.end(), {q.bias, k.bias, value.bias});
      attributes.Set("has_bias", int64_t{1});
    }
    if (q.head_norm >= 0) {
      bound.insert(bound.end(), {q.head_norm, k.head_norm});
      attributes.Set("has_head_norm", int64_t{1});
      for (const auto& [name, attribute] : q.norm.values()) attributes.Set(absl::StrCat("head_", name), attribute);
    }
    match.bound.attributes = {std::move(attributes)};
    return match;
  }
};

}  // namespace

std::unique_ptr<Rewrite> QkvRopeCacheRule() { return std::make_unique<QkvRopeCache>(); }

}  // namespace metronome::compiler
