"""Whether a quantity that was sampled over time has stopped growing."""
import statistics


def has_plateau(samples, relative, absolute):
    """Whether the median of the last third is at most the median of the middle third, plus `relative` of it, plus `absolute`.

    The first third is warming up: caches fill, allocators get their arenas. A slope would find growth in noise and miss it behind one
    late step; two medians tell a level from a rise, whatever its form, and pass over single peaks.
    """
    third = len(samples) // 3
    if third < 3:
        raise ValueError(f"{len(samples)} samples are too few to tell")
    middle, last = statistics.median(samples[third:2 * third]), statistics.median(samples[2 * third:])
    return last <= middle * (1 + relative) + absolute
