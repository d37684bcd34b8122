"""What it takes to make rows of words of more reviews than one cares to keep in memory (section 4.2).

    python benchmarks/bag_of_words.py                      # 100,000 reviews × 50,000 words, from a CSV file
    python benchmarks/bag_of_words.py --data imdb --terms 5000

Reviews are generated, by Zipf's law, or those of a named data set. Each way to read them runs in a process of
its own, whose peak of memory is told: "stream" goes through the file twice and keeps no text, "list" keeps
all of them, "CountVectorizer" is scikit-learn's on such a list.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

N_WORDS = 200_000


def write_reviews(path: Path, n: int) -> None:
    """Write reviews of some 190 words, log-normal, of 200,000 different ones."""
    random = np.random.default_rng(0)
    chance = 1 / np.arange(1, N_WORDS + 1) ** 1.05
    often = np.cumsum(chance / chance.sum())
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = np.array(["".join(random.choice(letters, random.integers(3, 11))) for _ in range(N_WORDS)])
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "review", "stars"])
        for number in range(n):
            length = int(np.exp(random.normal(5.1, 0.6)))
            places = np.searchsorted(often, random.random(length))
            rows.writerow([number, " ".join(words[places]), int(random.integers(1, 6))])


def measured(way: str, source: str, n_terms: int, ngrams: int, pipe: Any) -> None:
    """Make the rows, and tell seconds of the processor, peak of memory before and after, and their shape."""
    from sklearn.feature_extraction.text import CountVectorizer

    from truezero import BagOfWords
    from truezero.datasets import TextColumn, load_texts

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, started = time.process_time(), time.perf_counter()
    texts: Any = TextColumn(source, "review")
    if way != "stream":
        named = not Path(source).exists()
        data = load_texts(source) if named else load_texts(source, text="review", target="stars")
        texts = [*data.texts_train, *data.unlabeled]
    make: Any = CountVectorizer if way == "CountVectorizer" else BagOfWords
    options = {"binary": True, "dtype": np.float32} if way == "CountVectorizer" else {}
    X = make(max_features=n_terms, ngram_range=(1, ngrams), **options).fit_transform(texts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pipe.send(
        (time.process_time() - began, time.perf_counter() - started, before / 1e3, peak / 1e3, X.shape, X.nnz)
    )


def main() -> None:
    """Measure every way, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="a named data set of texts instead of generated reviews")
    parser.add_argument("--n", type=int, default=100_000, help="generated reviews (default: 100,000)")
    parser.add_argument("--terms", type=int, default=50_000)
    parser.add_argument("--ngrams", type=int, default=1, help="2: pairs of words, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, ways = options.data, ["list", "CountVectorizer"]
        if source is None:
            source, ways = str(Path(folder) / "reviews.csv"), ["stream", *ways]
            write_reviews(Path(source), options.n)
            print(f"{options.n} reviews, a CSV file of {Path(source).stat().st_size / 1e6:.0f} MB")
        context = multiprocessing.get_context("spawn")
        for way in ways:
            ours, theirs = context.Pipe(duplex=False)
            worker = context.Process(
                target=measured, args=(way, source, options.terms, options.ngrams, theirs)
            )
            worker.start()
            cpu, seconds, before, peak, shape, nnz = ours.recv()
            worker.join()
            print(
                f"{way:<16} {shape[0]} × {shape[1]}, {nnz / shape[0]:.0f} a row: {cpu:.0f} s of a processor, "
                f"{seconds:.0f} s; peak {peak:.0f} MB, of which {before:.0f} MB before it began"
            )


if __name__ == "__main__":
    main()
