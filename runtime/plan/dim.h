#ifndef METRONOME_RUNTIME_PLAN_DIM_H_
#define METRONOME_RUNTIME_PLAN_DIM_H_

#include <compare>
#include <cstdint>
#include <string>

namespace metronome::runtime {

// The two sizes that change from step to step.
struct StepShape {
  int64_t seq = 1;   // Tokens in this step; >= 1.
  int64_t past = 0;  // Positions already in the KV cache; >= 0.
};

// A tensor size or offset: constant + seq * S + past * P, evaluated anew for each step.
struct Dim {
  int64_t constant = 0;
  int64_t seq = 0;
  int64_t past = 0;

  constexpr Dim() = default;
  constexpr Dim(int64_t value) : constant(value) {}  // NOLINT(google-explicit-constructor): sizes read as numbers.
  constexpr Dim(int64_t constant, int64_t seq, int64_t past) : constant(constant), seq(seq), past(past) {}

  static constexpr Dim Seq() { return {0, 1, 0}; }
  static constexpr Dim Past() { return {0, 0, 1}; }

  constexpr bool is_constant() const { return seq == 0 && past == 0; }
  constexpr int64_t Evaluate(const StepShape& step) const { return constant + seq * step.seq + past * step.past; }
  std::string ToString() const;  // "64", "seq", "past+seq", "seq-1".

  friend constexpr Dim operator+(Dim a, Dim b) { return {a.constant + b.constant, a.seq + b.seq, a.past + b.past}; }
  friend constexpr Dim operator-(Dim a, Dim b) { return {a.constant - b.constant, a.seq - b.seq, a.past - b.past}; }
  friend constexpr Dim operator*(Dim a, int64_t k) { return {a.constant * k, a.seq * k, a.past * k}; }
  friend constexpr auto operator<=>(const Dim&, const Dim&) = default;
};

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_PLAN_DIM_H_
