#include "runtime/weights/tied_head.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "kernels/base/status_macros.h"
#include "kernels/base/thread_pool.h"

namespace metronome::runtime {
namespace {

constexpr int64_t kBlockElements = int64_t{1} << 16;
constexpr int64_t kPieceElements = int64_t{32} << 20;

// nullptr where there is none.
absl::StatusOr<const StoredTensor*> FindOrNone(const SafetensorsDirectory& directory, absl::string_view weight,
                                               TensorNaming naming) {
  absl::StatusOr<const StoredTensor*> found = directory.Find(StoredNamesOf(weight, naming));
  if (absl::IsNotFound(found.status())) return nullptr;
  return found;
}

bool EqualElements(const StoredTensor& a, const StoredTensor& b, kernels::DType dtype, int64_t begin, int64_t end) {
  const auto at = [begin](const StoredTensor& tensor) {
    return static_cast<const std::byte*>(tensor.data) + begin * tensor.element_bytes();
  };
  const int64_t count = end - begin;
  if (a.dtype_code == b.dtype_code && std::memcmp(at(a), at(b), static_cast<size_t>(count * a.element_bytes())) == 0)
    return true;
  const auto bytes = static_cast<size_t>(count) * kernels::SizeOf(dtype);
  std::vector<std::byte> left(bytes), right(bytes);
  a.Convert(begin, end, left.data(), dtype);
  b.Convert(begin, end, right.data(), dtype);
  return left == right;
}

}  // namespace

absl::StatusOr<StoredHead> CompareStoredHead(const SafetensorsDirectory& directory, TensorNaming naming,
                                             kernels::DType dtype, int threads, const CancelToken& token) {
  ASSIGN_OR_RETURN(const StoredTensor* head, FindOrNone(directory, "lm_head.weight", naming));
  ASSIGN_OR_RETURN(const StoredTensor* table, FindOrNone(directory, "embed_tokens.weight", naming));
  if (head == nullptr) return StoredHead::kSame;
  if (table == nullptr) return StoredHead::kAlone;
  if (head->shape != table->shape || !head->is_float() || !table->is_float()) return StoredHead::kDifferent;
  ThreadPool pool(threads);
  std::atomic<bool> equal{true};
  for (int64_t first = 0; first < table->elements() && equal; first += kPieceElements) {
    RETURN_IF_ERROR(token.Check());
    pool.ParallelFor(
        std::min(kPieceElements, table->elements() - first), kBlockElements, [&](int64_t begin, int64_t end, int) {
          if (equal.load(std::memory_order_relaxed) && !EqualElements(*table, *head, dtype, first + begin, first + end))
            equal = false;
        });
  }
  RETURN_IF_ERROR(directory.CheckReadable());
  return equal ? StoredHead::kSame : StoredHead::kDifferent;
}

}  // namespace metronome::runtime
