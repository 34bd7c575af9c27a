#!/usr/bin/env python3
"""Records what SciPy and NumPy make of random samples, and what E-divisive's formula gives where it is written out.

Needs scipy 1.17 and numpy; the fixture is committed.
    python3 tests/golden/statistics/generate.py
"""
import itertools
import json
import math
import pathlib

import numpy
from scipy import stats


def numbers(values):
    return [float(value) for value in values]


def sample(random, n, ties, shift=0.0):
    values = 10 * numpy.exp(0.1 * random.standard_normal(n)) + shift
    return numpy.round(values, 0 if ties else 4)


def one(values):
    result = {"values": numbers(values), "median": float(numpy.median(values)), "mean": float(values.mean()),
              "stddev": float(values.std(ddof=1)), "quantiles": numbers(numpy.quantile(values, (0.05, 0.5, 0.95))),
              "robust_deviation": float(stats.median_abs_deviation(values, scale="normal")), "ranks": numbers(stats.rankdata(values))}
    for confidence in (0.9, 0.95, 0.99):
        interval = stats.t.interval(confidence, len(values) - 1, loc=values.mean(), scale=stats.sem(values))
        result[f"mean_interval_{confidence}"] = numbers(interval)
    return result


def hodges_lehmann(a, b):
    """R's wilcox.test(b, a, conf.int = TRUE, exact = FALSE, correct = TRUE) without ties: the same order statistics."""
    differences = numpy.sort(numpy.subtract.outer(b, a).ravel())
    n, m = len(a), len(b)
    edge = max(0, math.floor(n * m / 2 - stats.norm.ppf(0.975) * math.sqrt(n * m * (n + m + 1) / 12) - 0.5))
    return {"estimate": float(numpy.median(differences)), "interval": numbers((differences[edge], differences[n * m - 1 - edge]))}


def two(a, b):
    ties = len(numpy.unique(numpy.concatenate((a, b)))) < len(a) + len(b)
    result = {"a": numbers(a), "b": numbers(b), "ties": ties, "u": float(stats.mannwhitneyu(b, a, method="asymptotic").statistic),
              "asymptotic_p": float(stats.mannwhitneyu(b, a, method="asymptotic").pvalue), "hodges_lehmann": hodges_lehmann(a, b)}
    if not ties:
        result["exact_p"] = float(stats.mannwhitneyu(b, a, method="exact").pvalue)
    n, m = len(a), len(b)
    pooled = math.sqrt(((n - 1) * a.var(ddof=1) + (m - 1) * b.var(ddof=1)) / (n + m - 2))
    correction = math.gamma((n + m - 2) / 2) / (math.gamma((n + m - 3) / 2) * math.sqrt((n + m - 2) / 2))
    result["hedges_g"] = float(correction * (b.mean() - a.mean()) / pooled)
    if math.comb(n + m, n) <= 10000:
        test = stats.permutation_test((a, b), lambda x, y, axis: abs(x.mean(axis) - y.mean(axis)), vectorized=True,
                                      n_resamples=numpy.inf, alternative="greater")
        result["permutation_p"] = float(test.pvalue)
    return result


def paired(differences):
    nonzero = differences[differences != 0]
    ties = len(numpy.unique(abs(nonzero))) < len(nonzero)
    exact = not ties and len(nonzero) <= 50
    test = stats.wilcoxon(nonzero, method="exact" if exact else "asymptotic", correction=not exact)
    means = [(x + y) / 2 for x, y in itertools.combinations_with_replacement(differences, 2)]
    return {"differences": numbers(differences), "exact": exact, "p_value": float(test.pvalue), "estimate": float(numpy.median(means))}


def energy(left, right):
    """Matteson and James 2014, equations 5 and 7, exponent 1."""
    n, m = len(left), len(right)
    between = 2 / (n * m) * sum(abs(x - y) for x in left for y in right)
    within = [sum(abs(x - y) for x, y in itertools.combinations(side, 2)) / math.comb(len(side), 2) for side in (left, right)]
    return n * m / (n + m) * (between - sum(within))


def series(values, changes):
    splits = [energy(values[:at], values[at:]) for at in range(3, len(values) - 2)]
    return {"values": numbers(values), "best_split": 3 + int(numpy.argmax(splits)), "q": float(max(splits)), "changes": changes}


def steps(random, levels, length, deviation):
    values = numpy.concatenate([level + deviation * random.standard_normal(length) for level in levels])
    return numpy.round(values, 4)


def main():
    random = numpy.random.default_rng(20)
    pairs = [(3, 3), (4, 6), (9, 9), (9, 10), (12, 7), (25, 30), (40, 60)]
    p_values = [numpy.round(random.random(n) ** 2, 5) for n in (1, 2, 7, 30)] + [numpy.array([0.01, 0.01, 0.04, 1.0])]
    paired_sizes = [(6, 4), (9, 4), (20, 4), (50, 4), (70, 4), (15, 1)]
    cases = {
        "normal": [[p, float(stats.norm.ppf(p))] for p in (1e-9, 0.025, 0.3, 0.5, 0.975, 0.999)],
        "student": [[p, n, float(stats.t.ppf(p, n))] for p in (0.01, 0.25, 0.975, 0.995) for n in (1, 2, 8, 30, 31, 100.5, 1e6)],
        "one": [one(sample(random, n, ties)) for n in (2, 3, 9, 10, 41) for ties in (False, True) if n > 3 or not ties],
        "two": [two(sample(random, n, ties), sample(random, m, ties, shift)) for n, m in pairs for ties in (False, True) for shift in (0, 1)
                if n > 3 or not ties],
        "paired": [paired(numpy.round(0.3 + random.standard_normal(n), decimals)) for n, decimals in paired_sizes],
        "false_discovery": [{"p": numbers(p), "adjusted": numbers(stats.false_discovery_control(p))} for p in p_values],
        "series": [series(steps(random, levels, 12, 0.5), changes)
                   for levels, changes in (((0,), []), ((0, 5), [12]), ((3, 0, 6), [12, 24]), ((1, 1, 1), []))],
    }
    path = pathlib.Path(__file__).with_name("cases.json")
    lines = [f'"{name}": [\n' + ",\n".join(json.dumps(case) for case in entries) + "\n]" for name, entries in cases.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
