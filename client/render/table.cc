#include "client/render/table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace metronome::client {
namespace {

std::string Pad(const std::string& text, size_t width, Align align) {
  const std::string fill(width - std::min(width, DisplayWidth(text)), ' ');
  return align == Align::kLeft ? text + fill : fill + text;
}

}  // namespace

size_t DisplayWidth(absl::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(headings_.size());
  rows_.push_back(std::move(cells));
}

std::vector<size_t> Table::Widths() const {
  std::vector<size_t> widths;
  for (size_t column = 0; column < headings_.size(); ++column) {
    size_t width = DisplayWidth(headings_[column].first);
    for (const auto& row : rows_) width = std::max(width, DisplayWidth(row[column]));
    widths.push_back(width);
  }
  return widths;
}

std::string Table::ToText() const {
  const std::vector<size_t> widths = Widths();
  std::string text;
  const auto append = [&](const auto& cell_at) {
    std::string line;
    for (size_t column = 0; column < headings_.size(); ++column) {
      absl::StrAppend(&line, column == 0 ? "" : "  ", Pad(cell_at(column), widths[column], headings_[column].second));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  };
  append([&](size_t column) { return headings_[column].first; });
  append([&](size_t column) { return std::string(widths[column], '-'); });
  for (const auto& row : rows_) append([&](size_t column) { return row[column]; });
  return text;
}

std::string Table::ToMarkdown() const {
  std::string text = "|", rule = "|";
  for (const auto& [heading, align] : headings_) {
    absl::StrAppend(&text, " ", heading, " |");
    absl::StrAppend(&rule, align == Align::kLeft ? " --- |" : " ---: |");
  }
  absl::StrAppend(&text, "\n", rule, "\n");
  for (const auto& row : rows_) {
    text += "|";
    for (const std::string& cell : row)
      absl::StrAppend(&text, " ", absl::StrReplaceAll(cell, {{"|", "\\|"}, {"\n", " "}}), " |");
    text += "\n";
  }
  return text;
}

}  // namespace metronome::client
