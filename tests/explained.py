"""What every study's result owes to somebody who does not have the paper at hand."""

from __future__ import annotations

from truezero.studies import StudyResult


def is_explained(result: StudyResult, *departures: str) -> None:
    """Check that it says what is asked, what columns are, and what is other than in the paper.

    Parameters
    ----------
    result : StudyResult
        Of a study that was carried out.
    *departures : str
        Sentences that it must have among its departures.
    """
    assert result.question.endswith((".", "?"))
    for table in result.tables:
        for column in table.columns:
            assert column.about or column.kind == "name" or column.detail or column.paper, column.title
    assert set(departures) <= set(result.departures)
    for choice in result.choices:
        assert "not in the paper" not in choice.lower()
    for departure in result.departures:
        assert "paper" in departure


SMALL = "Hidden layers of 32, 32, 32 units; the paper's have 1,000, 1,000, 1,000."
"""What every study of images says at scale smoke."""
