#include "absl/strings/str_cat.h"
#include "compiler/rules/rule.h"

namespace metronome {
namespace {

// Softmax over the last axis of `scores`, a pattern.
std::string Softmax(absl::string_view scores) {
  return absl::StrCat("(div (= ?exponentials (exp (sub (= ?scores ", scores,
                      ") (reduce_max ?scores)))) (reduce_sum ?exponentials))");
}

// Grouped-query attention of q [seq, nq, d] over a position-major cache; its masks differ.
std::string Attention(absl::string_view mask) {
  constexpr absl::string_view kQueries = "(transpose permutation=[1,2,0,3] (= ?grouped (reshape ?q)))";
  const std::string scores = absl::StrCat("(select ", mask, " (cast? (mul (matmul transpose_b=1 ", kQueries,
                                          " (reshape (transpose permutation=[1,0,2] ?k))) #scale)) -inf)");
  return absl::StrCat("(reshape (transpose permutation=[2,0,1,3] (matmul transpose_b=0 (cast? ", Softmax(scores),
                      ") (reshape (transpose permutation=[1,0,2] ?v)))))");
}

constexpr absl::string_view kCausal = "(le ?keys ?queries)";
constexpr absl::string_view kWindowed = "(and (le ?keys ?queries) (gt ?keys (sub ?queries #window)))";

// Whether `id` is an iota of these values, lying along `shape`.
bool IsIota(const Graph& graph, NodeId id, Dim start, Dim size, const std::vector<Dim>& shape) {
  if (graph.node(id).type.shape != shape) return false;
  if (graph.node(id).op == Op::kReshape) id = graph.node(id).inputs[0];
  const Node& node = graph.node(id);
  return node.op == Op::kIota && DecodeDim(node.attributes.Ints("start")) == start && node.type.shape[0] == size;
}

std::optional<Replacement> FuseAttention(const Graph& graph, NodeId root, const Match& match, int64_t window) {
  const NodeId q = match.nodes.at("q"), k = match.nodes.at("k"), v = match.nodes.at("v");
  const TensorType &q_type = graph.node(q).type, &k_type = graph.node(k).type, &v_type = graph.node(v).type;
  if (q_type.rank() != 3 || k_type.rank() != 3 || v_type.rank() != 3) return std::nullopt;
  const Dim seq = q_type.shape[0], positions = k_type.shape[0], kv_heads = k_type.shape[1];
  if (!q_type.shape[1].is_constant() || !kv_heads.is_constant() || q_type.shape[1].constant % kv_heads.constant != 0)
    return std::nullopt;
  const Dim group = q_type.shape[1].constant / kv_heads.constant;

  // The transposes fix the order of axes; the grouping of heads, the size of the scores and the mask's positions remain
  // to be checked.
  const bool grouped =
      graph.node(match.nodes.at("grouped")).type.shape == std::vector<Dim>{seq, kv_heads, group, q_type.shape[2]} &&
      graph.node(match.nodes.at("scores")).type.shape == std::vector<Dim>{kv_heads, group, seq, positions};
  const bool masked = IsIota(graph, match.nodes.at("keys"), 0, positions, {positions}) &&
                      IsIota(graph, match.nodes.at("queries"), positions - seq, seq, {seq, 1});
  const bool heads_flat =
      graph.node(root).type.shape == std::vector<Dim>{seq, Dim(q_type.shape[1].constant * v_type.shape[2].constant)};
  if (!grouped || !masked || !heads_flat || match.scalars.at("scale") <= 0) return std::nullopt;
  return Replacement{Op::kAttention, {q, k, v}, {{"scale", match.scalars.at("scale")}, {"window", window}}};
}

std::optional<Replacement> FuseRope(const Graph& graph, NodeId root, const Match& match) {
  const auto type_of = [&](const char* name) -> const TensorType& { return graph.node(match.nodes.at(name)).type; };
  const TensorType& type = graph.node(root).type;
  if (type.rank() != 3 || !type.shape[2].is_constant() || type.shape[2].constant % 2 != 0) return std::nullopt;
  const Dim half = type.shape[2].constant / 2;
  const auto is_half = [&](const char* name, Dim start) {
    const Node& slice = graph.node(match.nodes.at(name));
    return slice.attributes.Int("axis") == 2 && DecodeDim(slice.attributes.Ints("start")) == start &&
           slice.type.shape[2] == half;
  };
  const TensorType table = {type.dtype, {type.shape[0], type.shape[2]}};
  const std::vector<Dim> per_head = {type.shape[0], 1, type.shape[2]};
  if (!is_half("low", 0) || !is_half("high", half) || type_of("cos") != table || type_of("sin") != table ||
      type_of("wide_cos").shape != per_head || type_of("wide_sin").shape != per_head) {
    return std::nullopt;
  }
  return Replacement{Op::kRope, {match.nodes.at("x"), match.nodes.at("cos"), match.nodes.at("sin")}, {}};
}

std::optional<Replacement> FuseSoftmax(const Graph& graph, NodeId root, const Match& match) {
  const NodeId scores = match.nodes.at("scores");
  const TensorType& type = graph.node(scores).type;
  for (const char* reduced : {"maximum", "sum"}) {
    if (graph.node(match.nodes.at(reduced)).attributes.Int("axis") != type.rank() - 1) return std::nullopt;
  }
  if (graph.node(root).type != type) return std::nullopt;
  return Replacement{Op::kSoftmax, {scores}, {}};
}

}  // namespace

std::vector<Rule> AttentionRules() {
  return {
      {"attention-causal", Attention(kCausal),
       [](const Graph& graph, NodeId root, const Match& match) { return FuseAttention(graph, root, match, 0); }},
      {"attention-sliding-window", Attention(kWindowed),
       [](const Graph& graph, NodeId root, const Match& match) {
         const double window = match.scalars.at("window");
         return window >= 1 ? FuseAttention(graph, root, match, static_cast<int64_t>(window)) : std::nullopt;
       }},
      {"softmax",
       "(div (= ?exponentials (exp (sub ?scores (= ?maximum (reduce_max ?scores))))) (= ?sum (reduce_sum "
       "?exponentials)))",
       FuseSoftmax},
      {"rope",
       "(add (mul ?x (= ?wide_cos (reshape ?cos)))"
       " (mul (concat axis=2 (neg (= ?high (slice ?x))) (= ?low (slice ?x))) (= ?wide_sin (reshape ?sin))))",
       FuseRope},
  };
}

}  // namespace metronome
