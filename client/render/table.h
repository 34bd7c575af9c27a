#ifndef METRONOME_CLIENT_RENDER_TABLE_H_
#define METRONOME_CLIENT_RENDER_TABLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace metronome::client {

enum class Align { kLeft, kRight };

// Rows of text under headings.
class Table {
 public:
  explicit Table(std::vector<std::pair<std::string, Align>> headings) : headings_(std::move(headings)) {}

  // As many cells as headings; fewer are filled with blanks.
  void AddRow(std::vector<std::string> cells);

  bool empty() const { return rows_.empty(); }

  std::string ToText() const;      // Aligned columns, for people.
  std::string ToMarkdown() const;  // A pipe table.

 private:
  std::vector<size_t> Widths() const;

  std::vector<std::pair<std::string, Align>> headings_;
  std::vector<std::vector<std::string>> rows_;
};

// Characters on a terminal, taking each code point as one column.
size_t DisplayWidth(absl::string_view text);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_RENDER_TABLE_H_
