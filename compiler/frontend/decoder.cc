#include "compiler/frontend/decoder.h"

#include <cmath>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/activation.h"
#include "compiler/frontend/rope.h"
#include "compiler/ir/builder.h"
#include "kernels/base/status_macros.h"

namespace metronome::compiler {
namespace {

constexpr kernels::DType kF32 = kernels::DType::kFloat32;

class DecoderWriter {
 public:
  DecoderWriter(const ModelConfig& config, kernels::DType dtype, const CancelToken& token)
      : config_(config), dtype_(dtype), token_(token) {}

  absl::StatusOr<Graph> Write() {
    const NodeId table =
        b_.Weight("embed_tokens.weight", dtype_, {config_.vocab, config_.hidden}, runtime::WeightInit::kEmbedding);
    NodeId hidden = b_.Gather(table, b_.Tokens());
    if (config_.embedding_scale != 1) hidden = b_.Mul(hidden, config_.embedding_scale);
    for (size_t i = 0; i < config_.layers.size(); ++i) {
      RETURN_IF_ERROR(token_.Check());
      hidden = Layer(hidden, absl::StrCat("layers.", i, "."), config_.layers[i]);
    }

    // Only the last row goes through the head, the widest product of the model.
    const NodeId last = Norm(b_.Slice(hidden, 0, kSeq - 1, kSeq), "norm.weight");
    const NodeId head = config_.tied_head ? table : Matrix("lm_head.weight", config_.vocab, config_.hidden);
    NodeId logits = b_.Matmul(last, head, /*transpose_b=*/true);
    if (const double cap = config_.logit_softcap; cap > 0) logits = b_.Mul(b_.Tanh(b_.Div(logits, cap)), cap);
    return b_.Finish({logits, MostLikely(logits)});
  }

 private:
  static constexpr runtime::Dim kSeq = runtime::Dim::Seq();
  static constexpr runtime::Dim kPositions = runtime::Dim::Past() + runtime::Dim::Seq();

  // int32 [1]: the first column of the largest logit; the vocabulary's size where a logit is NaN.
  NodeId MostLikely(NodeId logits) {
    const NodeId largest = b_.Eq(logits, b_.ReduceMax(logits, -1));
    const NodeId falling = b_.Neg(b_.Cast(b_.Iota(0, config_.vocab), kF32));
    const NodeId first = b_.Neg(b_.ReduceMax(b_.Select(largest, falling, -static_cast<double>(config_.vocab)), -1));
    return b_.Reshape(b_.Cast(first, kernels::DType::kInt32), {1});
  }

  NodeId Matrix(const std::string& name, int64_t out, int64_t in) {
    return b_.Weight(name, dtype_, {out, in}, runtime::WeightInit::kMatrix);
  }

  NodeId Linear(NodeId x, const std::string& name, int64_t out, int64_t in, bool bias = false) {
    NodeId y = b_.Matmul(x, Matrix(name + ".weight", out, in), /*transpose_b=*/true);
    if (bias) y = b_.Add(y, b_.Weight(name + ".bias", dtype_, {out}, runtime::WeightInit::kBias));
    return y;
  }

  // x / rms over the last axis, in float32.
  NodeId Normalised(NodeId x) {
    const int64_t size = b_.type(x).shape.empty() ? 1 : b_.type(x).shape.back().constant;
    const NodeId x32 = b_.Cast(x, kF32);
    const NodeId mean = b_.Mul(b_.ReduceSum(b_.Mul(x32, x32), -1), 1.0 / static_cast<double>(size));
    return b_.Mul(x32, b_.Rsqrt(b_.Add(mean, config_.norm_eps)));
  }

  // RMSNorm over the last axis.
  NodeId Norm(NodeId x, const std::string& name) {
    const int64_t size = b_.type(x).shape.empty() ? 1 : b_.type(x).shape.back().constant;
    const bool offset = config_.norm_weight == NormWeight::kOffset;
    const NodeId weight =
        b_.Weight(name, dtype_, {size}, offset ? runtime::WeightInit::kZeros : runtime::WeightInit::kOnes);
    const NodeId normalised = Normalised(x);
    if (config_.norm_weight == NormWeight::kProduct) return b_.Cast(b_.Mul(normalised, b_.Cast(weight, kF32)), dtype_);
    if (offset) return b_.Cast(b_.Mul(normalised, b_.Add(b_.Cast(weight, kF32), 1.0)), dtype_);
    return b_.Mul(weight, b_.Cast(normalised, dtype_));
  }

  struct RopeTables {
    NodeId cos = -1;  // [seq, 1, head_dim]
    NodeId sin = -1;
  };

  // Equal tables are one node, however many layers ask.
  RopeTables Tables(const RopeConfig& rope, int64_t head_dim) {
    const std::vector<double> frequencies = InverseFrequencies(rope, head_dim);
    const NodeId positions = b_.Reshape(b_.Cast(b_.Iota(runtime::Dim::Past(), kSeq), kF32), {kSeq, 1});
    const NodeId half = b_.Mul(positions, b_.Constant(kF32, {head_dim / 2}, frequencies));
    const NodeId angles = b_.Concat({half, half}, -1);
    const auto per_head = [&](NodeId table) {
      if (rope.attention_scaling != 1) table = b_.Mul(table, rope.attention_scaling);
      return b_.Reshape(b_.Cast(table, dtype_), {kSeq, 1, head_dim});
    };
    return {.cos = per_head(b_.Cos(angles)), .sin = per_head(b_.Sin(angles))};
  }

  NodeId Rotate(NodeId x, const RopeTables& tables) {
    const int64_t half = b_.type(x).shape.empty() ? 0 : b_.type(x).shape.back().constant / 2;
    const NodeId rotated = b_.Concat({b_.Neg(b_.Slice(x, -1, half, 2 * half)), b_.Slice(x, -1, 0, half)}, -1);
    return b_.Add(b_.Mul(x, tables.cos), b_.Mul(rotated, tables.sin));
  }

  // bool [seq, past + seq]: which keys each row sees.
  NodeId Mask(int64_t window) {
    const NodeId keys = b_.Iota(0, kPositions), queries = b_.Reshape(b_.Iota(runtime::Dim::Past(), kSeq), {kSeq, 1});
    const NodeId causal = b_.Le(keys, queries);
    return window == 0 ? causal : b_.And(causal, b_.Gt(keys, b_.Sub(queries, static_cast<double>(window))));
  }

  // The cache after this step as [kv_heads, 1, positions, head_dim].
  NodeId Cached(const std::string& state, NodeId rows, const LayerConfig& layer) {
    const NodeId all = b_.CacheWrite(b_.State(state, dtype_, {layer.kv_heads, layer.head_dim}), rows);
    return b_.Reshape(b_.Transpose(all, {1, 0, 2}), {layer.kv_heads, 1, kPositions, layer.head_dim});
  }

  NodeId Attention(NodeId x, const std::string& layer, const LayerConfig& config) {
    const int64_t d = config.head_dim, heads = config_.heads, kv_heads = config.kv_heads, group = heads / kv_heads;
    const std::string prefix = layer + "self_attn.";
    const auto project = [&](const char* name, int64_t count) {
      return b_.Reshape(Linear(x, prefix + name, count * d, config_.hidden, config_.qkv_bias), {kSeq, count, d});
    };
    NodeId q = project("q_proj", heads), k = project("k_proj", kv_heads);
    NodeId v = config.value_is_key ? k : project("v_proj", kv_heads);
    if (config_.value_norm) v = b_.Cast(Normalised(v), dtype_);
    if (config_.qk_norm) {
      q = Norm(q, prefix + "q_norm.weight");
      k = Norm(k, prefix + "k_norm.weight");
    }
    const RopeTables tables = Tables(config.rope, d);
    const NodeId grouped = b_.Transpose(b_.Reshape(Rotate(q, tables), {kSeq, kv_heads, group, d}), {1, 2, 0, 3});
    const NodeId scores = b_.Cast(
        b_.Mul(b_.Matmul(grouped, Cached(layer + "k", Rotate(k, tables), config), true), config_.attention_scale),
        kF32);
    const NodeId masked = b_.Select(Mask(config.window), scores, -std::numeric_limits<double>::infinity());
    const NodeId exponentials = b_.Exp(b_.Sub(masked, b_.ReduceMax(masked, -1)));
    const NodeId weights = b_.Cast(b_.Div(exponentials, b_.ReduceSum(exponentials, -1)), dtype_);
    const NodeId mixed = b_.Transpose(b_.Matmul(weights, Cached(layer + "v", v, config), false), {2, 0, 1, 3});
    return Linear(b_.Reshape(mixed, {kSeq, heads * d}), prefix + "o_proj", config_.hidden, heads * d,
                  config_.output_bias);
  }

  NodeId Activate(NodeId gate) { return b_.Cast(WriteActivation(b_, config_.activation, b_.Cast(gate, kF32)), dtype_); }

  NodeId Mlp(NodeId x, const std::string& layer) {
    const std::string prefix = layer + "mlp.";
    const NodeId gate = Linear(x, prefix + "gate_proj", config_.intermediate, config_.hidden, config_.mlp_bias);
    const NodeId up = Linear(x, prefix + "up_proj", config_.intermediate, config_.hidden, config_.mlp_bias);
    return Linear(b_.Mul(Activate(gate), up), prefix + "down_proj", config_.hidden, config_.intermediate,
                  config_.mlp_bias);
  }

  struct Routing {
    NodeId index = -1;    // int32 [seq * experts_per_token].
    NodeId weights = -1;  // [seq, experts_per_token], float32.
  };

  // Each row's most likely experts, by logits [seq, experts].
  Routing Route(NodeId logits) {
    const NodeId scores = b_.Cast(logits, kF32);
    const NodeId exponentials = b_.Exp(b_.Sub(scores, b_.ReduceMax(scores, -1)));
    const Builder::TopKColumns chosen =
        b_.TopK(b_.Div(exponentials, b_.ReduceSum(exponentials, -1)), config_.experts_per_token);
    const NodeId weights =
        config_.normalise_expert_weights ? b_.Div(chosen.values, b_.ReduceSum(chosen.values, -1)) : chosen.values;
    return {.index = b_.Reshape(chosen.columns, {kSeq * config_.experts_per_token}), .weights = weights};
  }

  // Each row of x through its experts, weighted; their weights' names begin with `prefix`.
  NodeId Experts(NodeId x, const Routing& routing, const std::string& prefix) {
    const int64_t slots = config_.experts_per_token, columns = config_.expert_intermediate;
    const NodeId weights = b_.Cast(routing.weights, dtype_), index = routing.index;
    const auto product = [&](NodeId rows, const std::string& name, int64_t out, int64_t in) {
      const NodeId experts = b_.Weight(prefix + name, dtype_, {config_.experts, out, in}, runtime::WeightInit::kMatrix);
      const NodeId wide = b_.Reshape(rows, {kSeq * slots, 1, in});
      return b_.Reshape(b_.Matmul(wide, b_.Gather(experts, index), true), {kSeq * slots, out});
    };
    const NodeId copies = b_.Broadcast(b_.Reshape(x, {kSeq, 1, config_.hidden}), {kSeq, slots, config_.hidden});
    const NodeId gate_up =
        product(b_.Reshape(copies, {kSeq * slots, config_.hidden}), "gate_up_proj", 2 * columns, config_.hidden);
    const NodeId gated =
        b_.Mul(Activate(b_.Slice(gate_up, -1, 0, columns)), b_.Slice(gate_up, -1, columns, 2 * columns));
    const NodeId terms =
        b_.Reshape(product(gated, "down_proj", config_.hidden, columns), {kSeq, slots, config_.hidden});
    const NodeId sum = b_.ReduceSum(b_.Mul(terms, b_.Reshape(weights, {kSeq, slots, 1})), 1);
    return b_.Reshape(sum, {kSeq, config_.hidden});
  }

  // The router reads the residual itself, normed and scaled, and each expert has a scale of its own.
  Routing RouteResidual(NodeId residual, const std::string& layer) {
    const std::string prefix = layer + "router.";
    const NodeId scale = b_.Weight(prefix + "scale", dtype_, {config_.hidden}, runtime::WeightInit::kOnes);
    const NodeId scaled = b_.Mul(b_.Mul(b_.Cast(Normalised(residual), dtype_), scale),
                                 1 / std::sqrt(static_cast<double>(config_.hidden)));
    Routing routing = Route(Linear(scaled, prefix + "proj", config_.experts, config_.hidden));
    const NodeId own = b_.Weight(prefix + "per_expert_scale", dtype_, {config_.experts}, runtime::WeightInit::kOnes);
    const NodeId scales = b_.Reshape(b_.Cast(b_.Gather(own, routing.index), kF32), {kSeq, config_.experts_per_token});
    routing.weights = b_.Mul(routing.weights, scales);
    return routing;
  }

  // What follows attention, without its residual.
  NodeId FeedForward(NodeId residual, const std::string& layer, bool sparse) {
    const char* const before =
        config_.branch_norms ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight";
    const NodeId normed = Norm(residual, layer + before);
    if (!sparse) return Mlp(normed, layer);
    if (!config_.experts_beside_mlp) {
      const Routing routing = Route(Linear(normed, layer + "mlp.gate", config_.experts, config_.hidden));
      return Experts(normed, routing, layer + "mlp.experts.");
    }
    const NodeId dense = Norm(Mlp(normed, layer), layer + "post_feedforward_layernorm_1.weight");
    const Routing routing = RouteResidual(residual, layer);
    const NodeId rows = Norm(residual, layer + "pre_feedforward_layernorm_2.weight");
    const NodeId mixed = Experts(rows, routing, layer + "experts.");
    return b_.Add(dense, Norm(mixed, layer + "post_feedforward_layernorm_2.weight"));
  }

  NodeId Layer(NodeId hidden, const std::string& layer, const LayerConfig& config) {
    NodeId attended = Attention(Norm(hidden, layer + "input_layernorm.weight"), layer, config);
    if (config_.branch_norms) attended = Norm(attended, layer + "post_attention_layernorm.weight");
    hidden = b_.Add(hidden, attended);
    NodeId mixed = FeedForward(hidden, layer, config.sparse);
    if (config_.branch_norms) mixed = Norm(mixed, layer + "post_feedforward_layernorm.weight");
    hidden = b_.Add(hidden, mixed);
    if (!config_.layer_scalar) return hidden;
    return b_.Mul(hidden, b_.Weight(layer + "layer_scalar", dtype_, {1}, runtime::WeightInit::kOnes));
  }

  const ModelConfig& config_;
  kernels::DType dtype_;
  const CancelToken& token_;
  Builder b_;
};

}  // namespace

absl::StatusOr<Graph> BuildDecoder(const ModelConfig& config, kernels::DType dtype, const CancelToken& token) {
  if (!kernels::IsFloat(dtype))
    return absl::InvalidArgumentError(absl::StrCat("dtype ", Name(dtype), " is not float32, bfloat16 or float16"));
  return DecoderWriter(config, dtype, token).Write();
}

}  // namespace metronome::compiler
