"""Reviews in the files of research: Blitzer et al. 2007 (pseudo-XML, and processed_acl) and of FDU-MTL."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from itertools import chain

from truezero.core.text import printable
from truezero.datasets.formats.tables import Cells, Table, picked
from truezero.datasets.formats.text_lines import LONGEST, TextLines
from truezero.errors import DataError

TERMS = r"\S+"
"""Pattern of a word where texts are words already, with spaces between them."""

_TAG = re.compile(r"<(\w{1,50})>")
_AROUND = re.compile(r"</?\w{1,50}>")  # all records, in some of the files
_OTHER = re.compile(
    r"</?(unique_id|asin|product_name|product_type|helpful|rating|title|date|reviewer|reviewer_location|review_text)>"
)
_LABEL = "#label#:"
_Record = dict[str, str]


def reviews_table(lines: TextLines, name: str) -> Table:
    """Open a `.review` file of Blitzer et al. 2007: pseudo-XML, or processed_acl.

    Lines of processed_acl end in their label. Of pseudo-XML the columns are the tags of the first record. A
    record that is malformed, or lacks a tag that is asked for, is left out.

    Parameters
    ----------
    lines : TextLines
    name : str
        Of the file, for the warning.

    Raises
    ------
    DataError
        If it is neither of them, or holds no record that is whole; while it is read, naming a line of
        processed_acl that is none.

    Warns
    -----
    UserWarning
        At the end, how many records were left out, and where the first was.
    """
    first = next((line for line in lines if line.strip()), "")
    if _LABEL in first:
        return _processed(chain([first], lines), lines)
    return _pseudo_xml(chain([first], lines), lines, name)


def _processed(content: Iterator[str], lines: TextLines) -> Table:
    def read(places: Sequence[int]) -> Iterator[tuple[int, Cells]]:
        pick = picked(places)
        for line in content:
            *counted, label = line.split() or [""]
            terms = [term.rpartition(":") for term in counted]
            if not label.startswith(_LABEL) or not all(term and n.isdecimal() for term, _, n in terms):
                raise DataError(
                    f"line {lines.number} is not words with their counts (word:2) and a {_LABEL} at its end"
                )
            yield lines.number, pick((" ".join(term for term, _, _ in terms), label.removeprefix(_LABEL)))

    return Table(("text", "label"), "line", read, "text", "label", TERMS)


def _pseudo_xml(content: Iterator[str], lines: TextLines, name: str) -> Table:
    records = _records(content, lines)
    before = []
    for number, record in records:
        before.append((number, record))
        if record is not None:
            break
    else:
        raise DataError("holds no review: <review>, tags as <rating> in lines of their own, </review>")
    names = tuple(record)

    def read(places: Sequence[int]) -> Iterator[tuple[int, Cells]]:
        wanted = [names[place] for place in places]
        n, wrong = 0, list[int]()
        for number, record in chain(before, records):
            n += 1
            if record is None or not all(tag in record for tag in wanted):
                wrong.append(number)
            else:
                yield number, tuple(record[tag] for tag in wanted)
        if wrong:
            warnings.warn(
                f"{name}: {len(wrong)} of {n} records are malformed and were left out, the first in line "
                f"{wrong[0]}",
                stacklevel=2,
            )

    return Table(names, "line", read, "review_text", "rating")


def _records(content: Iterator[str], lines: TextLines) -> Iterator[tuple[int, _Record | None]]:
    """Records and the lines they begin in; None for what is malformed, or between records."""
    record: _Record | None = None
    began, tag, text, length, outside = 0, "", list[str](), 0, False
    for line in content:
        said = line.strip()
        if said == "<review>":
            if began:  # the one before is not closed
                yield began, None
            record, began, tag, length, outside = {}, lines.number, "", 0, False
        elif not began:
            strange = bool(said) and not _AROUND.fullmatch(said)
            if strange and not outside:
                yield lines.number, None
            outside = outside or strange
        elif said == "</review>":
            yield began, None if tag or not record else record
            began = 0
        elif not tag:
            opened = _TAG.fullmatch(said)
            if opened is not None:
                tag, text = opened[1], []
            elif said:
                record = None
        elif said == f"</{tag}>":
            if record is not None:
                record.setdefault(tag, "".join(text).strip())
            tag = ""
        elif _OTHER.fullmatch(said):  # its end is lost
            record = None
        else:
            length += len(line)
            if length > LONGEST:  # a tag that is not closed
                record, text = None, []
            else:
                text.append(line)
    if began:
        yield began, None


def fdu_table(lines: TextLines, *, labelled: bool) -> Table:
    r"""Open a file of FDU-MTL: a review a line, after its label and a tab where it has one.

    Raises
    ------
    DataError
        While it is read, naming a line without a label.
    """

    def read(places: Sequence[int]) -> Iterator[tuple[int, Cells]]:
        pick = picked(places)
        for line in lines:
            label, tab, text = (
                line.rstrip("\r\n").partition("\t") if labelled else ("", "\t", line.rstrip("\r\n"))
            )
            if not tab:
                raise DataError(
                    f"line {lines.number} is not a label, a tab and a text: '{printable(line.strip(), 40)}'"
                )
            yield lines.number, pick((text, label) if labelled else (text,))

    return Table(
        ("text", "label") if labelled else ("text",), "line", read, "text", "label" if labelled else None
    )
