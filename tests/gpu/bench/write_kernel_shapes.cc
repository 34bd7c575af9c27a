#include <fstream>
#include <iostream>
#include <string>

#include "tests/gpu/bench/kernel_shapes.h"
#include "tests/gpu/bench/predictions.h"

// write_kernel_shapes FILE [tiny]: renews kernel_shapes.inc, or writes the table of the tiny models.
// write_kernel_shapes predictions: prints what kernels/cuda/README.md predicts from it.
int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "predictions") {
    std::cout << metronome::testing::PredictionTables();
    return 0;
  }
  if (argc < 2 || argc > 3 || (argc == 3 && std::string(argv[2]) != "tiny")) {
    std::cerr << "usage: write_kernel_shapes FILE [tiny] | write_kernel_shapes predictions" << std::endl;
    return 2;
  }
  const absl::StatusOr<std::string> table = metronome::testing::KernelShapeTable(/*tiny=*/argc == 3);
  if (!table.ok()) {
    std::cerr << table.status().ToString() << std::endl;
    return 1;
  }
  std::ofstream file(argv[1]);
  file << *table;
  return file.good() ? 0 : 1;
}
