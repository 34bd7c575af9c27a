#ifndef METRONOME_COMPILER_FRONTEND_CATALOGUE_H_
#define METRONOME_COMPILER_FRONTEND_CATALOGUE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace metronome::compiler {

// A model known by name, so that it can be measured at its true shapes without its checkpoint.
struct CatalogueEntry {
  absl::string_view key;  // "llama-3.2-1b".
  absl::string_view
      repository;            // Where its checkpoint is published, "meta-llama/Llama-3.2-1B"; empty for the tiny ones.
  absl::string_view config;  // What its config.json says, as JSON.
  int64_t parameters = 0;    // Of the text model, tied head counted once.
  bool tiny = false;         // Same architecture at small sizes, for tests and demonstrations; not part of "all".
};

absl::Span<const CatalogueEntry> ModelCatalogue();

// nullptr for an unknown key.
const CatalogueEntry* FindModel(absl::string_view key);

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_FRONTEND_CATALOGUE_H_
