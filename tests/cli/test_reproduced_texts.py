"""`truezero reproduce table2` on a file of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commandline import succeeded, truezero

COLUMNS = ("--text", "review", "--target", "stars")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("rated")
    random = np.random.default_rng(0)
    words = {1: "awful cold", 2: "cold plain", 3: "plain", 4: "plain lovely", 5: "great lovely"}
    more = ["the", "food", "was", "and", "we", "will", "not", "come", "again", "here"]

    def text(stars: int) -> str:
        return " ".join([*random.choice(more, 5), *words[stars].split()])

    rows = [f"{text(stars)},{stars}" for stars in random.choice(5, 400) + 1]
    (made / "reviews.csv").write_text("\n".join(["review,stars", *rows]) + "\n")
    (made / "more.csv").write_text("\n".join(["review", *map(text, random.choice(5, 50) + 1)]) + "\n")
    (made / "kinds.csv").write_text("review,stars\ngood food,good\nbad food,bad\n")
    rare = [row.rpartition(",")[0] + f",{5 if i > 2 else 1}" for i, row in enumerate(rows)]
    (made / "rare.csv").write_text("\n".join(["review,stars", *rare]) + "\n")
    return made


def test_table2_on_a_file(folder: Path) -> None:
    found = succeeded(
        "reproduce", "table2", "--scale", "smoke", "--n-seeds", "1", "--data", "reviews.csv", *COLUMNS,
        "--unlabeled", "more.csv", folder=folder,
    )  # fmt: skip
    assert (folder / "results-table2-reviews" / "report.html").exists()
    assert found["provenance"]["command"] == (
        "truezero reproduce table2 --data reviews.csv --scale smoke --n-seeds 1 --text review --target stars "
        "--unlabeled more.csv"
    )
    assert found["n_train"] + found["n_test"] == 400
    assert abs(found["n_test"] - 200) <= 5  # half of them, as 200 are to be labelled
    rows = found["tables"][0]["rows"]
    for row in rows:
        assert row["runs"][0]["n_test"] == found["n_test"]
    pretrained = rows[1]["pretraining"]["layers"][0][0]
    assert pretrained["n_train"] == found["n_train"] + 50  # and no row that is measured
    assert rows[-1]["test_rmse"] < 0.9  # mSDA, which needs few epochs of nothing
    assert any("reviews.csv has no test rows: one row in 2" in choice for choice in found["choices"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("table2", "--data", "reviews.csv", "--text", "review"), "name one of its columns with --target"),
        (("table2", "--data", "reviews.csv", "--text", "body", "--target", "stars"), "body"),
        (("table2", "--data", "kinds.csv", *COLUMNS), "kinds.csv: ratings must be numbers"),
        (("table2", "--data", "rare.csv", *COLUMNS), "have the rating 1; 5 are needed to fold them"),
        (("table2", "--data", "none.csv", *COLUMNS), "none.csv"),
        (("table2", "--data", "reviews.csv", *COLUMNS, "--unlabeled", "none.csv"), "none.csv"),
        (("table2", "--data", "digits", "--unlabeled", "more.csv"), "--unlabeled is for texts"),
        (("table1", "--data", "digits", "--text", "review"), "--text is for studies of rated texts"),
    ],
)
def test_what_cannot_be(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    done = truezero("reproduce", *arguments, "--scale", "smoke", "--out", "refused", folder=folder)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
