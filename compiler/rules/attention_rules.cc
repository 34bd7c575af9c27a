#include "compiler/rules/rules.h"

namespace metronome::compiler {

absl::string_view AttentionRules() {
  return R"(
softmax: (div (= ?e (exp (sub ?s (reduce_max @max ?s)))) (reduce_sum @sum ?e)) => (softmax ?s)
      if last-axis(@max, ?s), last-axis(@sum, ?s)

rope: (add (mul ?x (= ?wide_cos (reshape ?cos)))
           (mul (concat axis=2 (neg (= ?high (slice @high ?x))) (= ?low (slice @low ?x))) (= ?wide_sin (reshape ?sin))))
      => (rope ?x ?cos ?sin)
      if half(@low, ?low, ?x, 0), half(@high, ?high, ?x, 1), per-head(?wide_cos, ?cos), per-head(?wide_sin, ?sin)

# Grouped-query attention of q [n, nq, d] over a position-major cache k, v [kv, nkv, d]. Masks and scaling differ.
let keys = (= ?wide_k (reshape (transpose permutation=[1,0,2] ?k)))
let values = (= ?wide_v (reshape (transpose permutation=[1,0,2] ?v)))
let products = (matmul transpose_b=1 (transpose permutation=[1,2,0,3] (= ?grouped (reshape ?q))) $keys)
let scaled = (cast? (mul $products #scale))
let causal = (le (= ?key_positions (iota @keys)) (= ?query_positions (reshape (iota @queries))))
let windowed = (and $causal (gt ?key_positions (sub ?query_positions #window)))
let is-attention = positions(@keys, ?key_positions, @queries, ?query_positions, ?q, ?k), grouped(?grouped, ?q, ?k),
      shared-heads(?wide_k, ?k), shared-heads(?wide_v, ?v), flat-heads(?root, ?q, ?v),
      no-narrower(?scores, ?q)

attention-causal: (reshape (transpose permutation=[2,0,1,3] (matmul transpose_b=0
      (cast? (softmax (= ?scores (select $causal $scaled -inf)))) $values)))
      => (reshape like=?root (attention scale=#scale window=0 ?q ?k ?v)) if positive(#scale), $is-attention
attention-sliding-window: (reshape (transpose permutation=[2,0,1,3] (matmul transpose_b=0
      (cast? (softmax (= ?scores (select $windowed $scaled -inf)))) $values)))
      => (reshape like=?root (attention scale=#scale window=int:#window ?q ?k ?v))
      if positive(#scale), positive(#window), $is-attention
attention-causal-unscaled: (reshape (transpose permutation=[2,0,1,3] (matmul transpose_b=0
      (cast? (softmax (= ?scores (select $causal (cast? $products) -inf)))) $values)))
      => (reshape like=?root (attention scale=1.0 window=0 ?q ?k ?v)) if $is-attention
attention-sliding-window-unscaled: (reshape (transpose permutation=[2,0,1,3] (matmul transpose_b=0
      (cast? (softmax (= ?scores (select $windowed (cast? $products) -inf)))) $values)))
      => (reshape like=?root (attention scale=1.0 window=int:#window ?q ?k ?v)) if positive(#window), $is-attention
)";
}

}  // namespace metronome::compiler
