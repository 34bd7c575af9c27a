#ifndef METRONOME_COMPILER_EGRAPH_UNION_FIND_H_
#define METRONOME_COMPILER_EGRAPH_UNION_FIND_H_

#include <cstdint>
#include <utility>
#include <vector>

namespace metronome::compiler {

// Disjoint sets of the integers [0, size), with path halving. Not thread-safe: even Find compresses paths.
class UnionFind {
 public:
  int32_t Add() {
    parents_.push_back(static_cast<int32_t>(parents_.size()));
    return parents_.back();
  }

  int32_t Find(int32_t id) const {
    while (parents_[id] != id) id = parents_[id] = parents_[parents_[id]];
    return id;
  }

  // Joins two roots; `root` stays one.
  void Join(int32_t root, int32_t other) { parents_[other] = root; }

  int32_t size() const { return static_cast<int32_t>(parents_.size()); }

 private:
  mutable std::vector<int32_t> parents_;
};

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_EGRAPH_UNION_FIND_H_
