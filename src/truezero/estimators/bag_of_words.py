"""Raw text to rows of words (section 4.2): which of the most frequent ones a text has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, Self

import numpy as np
import sklearn
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import check_is_fitted

from truezero.core.constraints import Constraint, one_of, truth_value, whole_number
from truezero.core.terms import N_TERMS, NGRAM_RANGE, TermsOf, in_chunks, most_frequent, presence
from truezero.core.text import printable
from truezero.errors import OptionError
from truezero.estimators.parameters import check_parameters


class BagOfWords(CountVectorizer):
    r"""Which of the most frequent words a text has, as the paper gives text to its networks (section 4.2).

    scikit-learn's `CountVectorizer` with ``binary=True``, in float32, with the parameters that matter here.
    It learns from texts that need not fit into memory: they are gone through once to learn the words, and
    once to make rows.

    Parameters
    ----------
    max_features : int or None, default=5000
        Terms, those that are in the most texts; of terms in equally many the first by alphabet. None takes
        all.
    ngram_range : (int, int), default=(1, 1)
        Fewest and most words of a term: (1, 2) takes single words and pairs of neighbours.
    lowercase : bool, default=True
        Whether upper and lower case are the same.
    strip_accents : {"ascii", "unicode"} or None, default=None
        Take accents away; "ascii" also what has no plain letter.
    analyzer : {"word", "char", "char_wb"}, default="word"
        What a term is made of: words, characters, or characters within words.
    token_pattern : str, default=r"(?u)\b\w\w+\b"
        Regular expression of a word: two or more letters or digits.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Terms, in alphabetical order, and their columns.

    Notes
    -----
    A text without any of the terms, an empty one say, is a row without ones: the network's first layer then
    sees its biases alone.

    More than two million different terms are not counted at a time: the rarest are forgotten. Where one of
    them might have belonged to the vocabulary, a UserWarning says so.

    Examples
    --------
    >>> from truezero import BagOfWords
    >>> words = BagOfWords(max_features=3).fit(["Good food", "good, good service", "slow service"])
    >>> words.get_feature_names_out().tolist()
    ['food', 'good', 'service']
    >>> words.transform(["Good! Very good.", ""]).toarray().tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """

    # What else a CountVectorizer can be set to.
    input, encoding, decode_error = "content", "utf-8", "strict"
    preprocessor = tokenizer = stop_words = vocabulary = None
    max_df, min_df, binary, dtype = 1.0, 1, True, np.float32

    _parameter_constraints = {  # noqa: RUF012 - scikit-learn's own are no ClassVar
        "max_features": N_TERMS,
        "ngram_range": NGRAM_RANGE,
        "lowercase": truth_value,
        "strip_accents": one_of("ascii", "unicode") | None,
        "analyzer": one_of("word", "char", "char_wb"),
        "token_pattern": Constraint(("a regular expression",), lambda value: isinstance(value, str)),
    }

    def __init__(
        self,
        *,
        max_features: int | None = 5000,
        ngram_range: tuple[int, int] = (1, 1),
        lowercase: bool = True,
        strip_accents: Literal["ascii", "unicode"] | None = None,
        analyzer: Literal["word", "char", "char_wb"] = "word",
        token_pattern: str = r"(?u)\b\w\w+\b",
    ) -> None:
        self.max_features = max_features
        self.ngram_range = ngram_range
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.analyzer = analyzer
        self.token_pattern = token_pattern

    def fit(self, raw_documents: Any, y: Any = None) -> Self:
        """Learn the most frequent terms.

        Parameters
        ----------
        raw_documents : iterable of str
            A list, an array, a column of pandas' or Polars', or what reads a file; they are gone through
            once, and not kept.
        y : object, optional
            Ignored.

        Returns
        -------
        BagOfWords
            Itself.

        Raises
        ------
        DataError
            If one of them is no text, or no text has a term.
        OptionError
            If a parameter cannot be used.
        """
        self._validate_params()
        self.vocabulary_ = most_frequent(raw_documents, self._terms_of(), self.max_features)
        return self

    def fit_transform(self, raw_documents: Any, y: Any = None) -> Any:
        """Learn the most frequent terms, and make rows of the same texts.

        Parameters
        ----------
        raw_documents : iterable of str
            See `fit`. What can be gone through once only is kept as a list.
        y : object, optional
            Ignored.

        Returns
        -------
        csr_array or csr_matrix of float32, shape (n_texts, n_terms)
            See `transform`.

        Raises
        ------
        DataError, OptionError
            See `fit`.
        """
        texts = list(raw_documents) if isinstance(raw_documents, Iterator) else raw_documents
        return self.fit(texts).transform(texts)

    def transform(self, raw_documents: Any) -> Any:
        """Make rows of texts: a one for every term of the vocabulary that a text has.

        Parameters
        ----------
        raw_documents : iterable of str
            See `fit`.

        Returns
        -------
        csr_array or csr_matrix of float32, shape (n_texts, n_terms)
            Sparse array or matrix follows scikit-learn's `sparse_interface`.

        Raises
        ------
        DataError
            If one of them is no text.
        """
        check_is_fitted(self, "vocabulary_")
        rows = presence(raw_documents, self._terms_of(), self.vocabulary_)
        interface = sklearn.get_config().get("sparse_interface", "spmatrix")
        return rows if interface == "sparray" else sparse.csr_matrix(rows)

    def transform_in_chunks(self, raw_documents: Any, n_rows: int = 10_000) -> Iterator[Any]:
        """Make rows of more texts than fit into memory, some at a time, for `partial_fit` say.

        Parameters
        ----------
        raw_documents : iterable of str
            See `fit`.
        n_rows : int, default=10000
            Rows at a time; the last may be fewer.

        Returns
        -------
        iterator of csr_array or csr_matrix
            See `transform`.

        Raises
        ------
        DataError
            If one of them is no text.
        """
        whole_number(1).check("n_rows", n_rows)
        return map(self.transform, in_chunks(raw_documents, n_rows))

    def _terms_of(self) -> TermsOf:
        try:
            terms_of: TermsOf = self.build_analyzer()
        except (re.error, ValueError, OverflowError) as error:
            raise OptionError(f"token_pattern cannot be used: {printable(error)}") from error
        return terms_of

    def _validate_params(self) -> None:
        check_parameters(self)
