#include "kernels/cpu/optimised/onednn_matmul.h"

#include <omp.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace metronome::kernels::cpu {
namespace {

// Shapes kept for each member. A model has about six, for each number of prompt rows.
constexpr size_t kMaxPrimitives = 256;

struct Product {
  dnnl::matmul::primitive_desc description;
  dnnl::matmul primitive;
};

}  // namespace

struct OneDnnMatmul::Member {
  using Key = std::tuple<DType, int64_t, int64_t, int64_t, int64_t>;

  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  absl::flat_hash_map<Key, Product> products;

  const Product& Find(const Key& key);
};

const Product& OneDnnMatmul::Member::Find(const Key& key) {
  const auto found = products.find(key);
  if (found != products.end()) return found->second;
  if (products.size() >= kMaxPrimitives) products.clear();
  const auto& [dtype, m, n, k, y_stride] = key;
  const auto type = dtype == DType::kBFloat16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
  using Dims = dnnl::memory::dims;
  const dnnl::memory::desc x({m, k}, type, Dims{k, 1});
  const dnnl::memory::desc w({k, n}, type, Dims{1, k});  // Row-major [n, k], read as its transpose.
  const dnnl::memory::desc y({m, n}, dnnl::memory::data_type::f32, Dims{y_stride, 1});
  const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(x, w, y), engine);
  return products.emplace(key, Product{description, dnnl::matmul(description)}).first->second;
}

OneDnnMatmul::OneDnnMatmul(int members) {
  for (int i = 0; i < members; ++i) members_.push_back(std::make_unique<Member>());
}

OneDnnMatmul::~OneDnnMatmul() = default;

absl::Status OneDnnMatmul::Multiply(int member_index, DType dtype, const void* x, const void* w, float* y, int64_t m,
                                    int64_t n, int64_t k, int64_t y_stride) {
  Member& member = *members_[member_index];
  omp_set_num_threads(1);  // Of this thread: parallelism is ours, and libgomp's team would fight it for the cores.
  try {
    const Product& product = member.Find({dtype, m, n, k, y_stride});
    const auto memory = [&](const dnnl::memory::desc& description, const void* data) {
      return dnnl::memory(description, member.engine, const_cast<void*>(data));
    };
    product.primitive.execute(member.stream, {{DNNL_ARG_SRC, memory(product.description.src_desc(), x)},
                                              {DNNL_ARG_WEIGHTS, memory(product.description.weights_desc(), w)},
                                              {DNNL_ARG_DST, memory(product.description.dst_desc(), y)}});
    member.stream.wait();
  } catch (const dnnl::error& error) {  // The library's C++ API has no other way to fail.
    return absl::InternalError(absl::StrCat("oneDNN matmul [", m, ", ", k, "] x [", n, ", ", k, "]^T: ", error.what()));
  }
  return absl::OkStatus();
}

}  // namespace metronome::kernels::cpu
