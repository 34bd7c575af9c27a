#ifndef METRONOME_SERVER_PAGES_NUMBERS_H_
#define METRONOME_SERVER_PAGES_NUMBERS_H_

namespace metronome::pages {

// The nearest number of so many significant decimal digits: what a chart shows takes less room so.
double Rounded(double value, int digits);

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_NUMBERS_H_
