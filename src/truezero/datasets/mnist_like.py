"""MNIST and its relatives: four IDX files each, under the names that people have them by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from truezero.datasets.dataset import Dataset
from truezero.datasets.formats.idx import read_images, read_labels
from truezero.datasets.formats.zipped import ZipMember, has_member
from truezero.datasets.named import Folders, NamedDataset, RemoteFile, find_file
from truezero.errors import DataError

_KINDS = ("images-idx3-ubyte", "labels-idx1-ubyte")


@dataclass(frozen=True)
class IdxSet:
    """A data set in four official IDX files.

    Attributes
    ----------
    name : str
    train, test : str
        What the names of its files begin with.
    n_validation : int
        The last training images, which become validation rows.
    labels : range
        What a label may be.
    archive : str
        A zip archive that may hold the files instead; empty if there is none.
    transposed : bool
        Whether the images are stored column by column.
    """

    name: str
    train: str
    test: str
    n_validation: int
    labels: range
    archive: str = ""
    transposed: bool = False

    def files(self) -> tuple[str, ...]:
        """Names of the four, without what compresses them."""
        return tuple(f"{start}{kind}" for start in (self.train, self.test) for kind in _KINDS)

    def find(self, folders: Folders, file: str) -> Path | ZipMember | None:
        """Find a file: compressed or not, with a dot in its name or not, or in the archive."""
        found = find_file(folders, [*names_of(file)])
        if found is not None or not self.archive:
            return found
        member = f"{Path(self.archive).stem}/{file}.gz"
        archives = (folder / self.archive for folder in folders)
        return next((ZipMember(a, member) for a in archives if has_member(a, member)), None)

    def missing(self, folders: Folders) -> tuple[str, ...]:
        """See `NamedDataset`."""
        return tuple(f"{file}[.gz]" for file in self.files() if self.find(folders, file) is None)

    def load(self, folders: Folders) -> Dataset:
        """See `NamedDataset`.

        Raises
        ------
        DataError
            If a file is missing or damaged, they do not fit each other, or hold another data set.
        """
        parts = [self._part(folders, *files) for files in (self.files()[:2], self.files()[2:])]
        (X, y), (X_test, y_test) = parts
        if X.shape[1:] != X_test.shape[1:]:
            raise DataError(
                f"{self.name}: training images are {X.shape[1]}×{X.shape[2]}, test images "
                f"{X_test.shape[1]}×{X_test.shape[2]}"
            )
        n_train = len(X) - self.n_validation
        if n_train < 1:
            raise DataError(
                f"{self.name}: {len(X)} training images, fewer than the {self.n_validation} for validation"
            )
        shape = (1, X.shape[1], X.shape[2])
        X, X_test = (images.reshape(len(images), math.prod(shape)) for images in (X, X_test))
        return Dataset(
            self.name, X[:n_train], y[:n_train], X[n_train:], y[n_train:], X_test, y_test,
            scale=1 / 255, image_shape=shape,
        )  # fmt: skip

    def _part(
        self, folders: Folders, images_file: str, labels_file: str
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        images_at, labels_at = (
            self.find(folders, file) or folders[0] / file for file in (images_file, labels_file)
        )
        images = read_images(images_at)
        labels = read_labels(labels_at, len(images))
        wrong = (labels < self.labels.start) | (labels >= self.labels.stop)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{self.name}: {labels_file} has the label {labels[row]} in row {row}; they are "
                f"{self.labels.start} to {self.labels.stop - 1}"
            )
        return images.transpose(0, 2, 1) if self.transposed else images, labels


def names_of(file: str) -> tuple[str, ...]:
    """Names that an IDX file goes by: some programs unpack it, some put a dot for the dash."""
    dotted = file.replace("-idx", ".idx")
    return (f"{file}.gz", file, f"{dotted}.gz", dotted)


def _places(folder: str, torchvision: str) -> tuple[str, ...]:
    """Where its files may be besides: torchvision has a folder of its own, which people put anywhere."""
    return f"{folder}/raw", f"{folder}/{torchvision}/raw", f"{torchvision}/raw"


def _known(
    data: IdxSet, description: str, licence: str, page: str, downloads: tuple[RemoteFile, ...],
    elsewhere: tuple[str, ...], folder: str = "", accepted: tuple[RemoteFile, ...] = (),
) -> NamedDataset:  # fmt: skip
    return NamedDataset(
        data.name, description, data.load, data.missing, licence, page, folder or data.name, elsewhere,
        downloads, accepted,
    )  # fmt: skip


def _four(
    url: str, published: tuple[tuple[str, int], ...], also: tuple[str, ...] = ()
) -> tuple[RemoteFile, ...]:
    """Four files at an address: MD5 and size of each, and of copies that were packed anew."""
    names = IdxSet("", "train-", "t10k-", 0, range(10)).files()
    return tuple(
        RemoteFile(f"{name}.gz", f"{url}{name}.gz", f"md5:{md5}", size, also[i : i + 1])
        for i, (name, (md5, size)) in enumerate(zip(names, published, strict=True))
    )


_MNIST = _known(
    IdxSet("mnist", "train-", "t10k-", 10_000, range(10)),
    "handwritten digits, 28×28, 10 classes; the paper's split 50,000 / 10,000 / 10,000",
    "CC BY-SA 3.0",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    _four(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        (
            ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422), ("d53e105ee54ea40749a09fcbcd1e9432", 28_881),
            ("9fb629c4189551a2d022fa330f9573f3", 1_648_877), ("ec29112dd5afa0611ce80d1b7f02629c", 4_542),
        ),
    ),
    _places("mnist", "MNIST"),
)  # fmt: skip
_FASHION = _known(
    IdxSet("fashion-mnist", "train-", "t10k-", 10_000, range(10)),
    "pictures of clothes, 28×28, 10 classes; 50,000 / 10,000 / 10,000",
    "MIT",
    "https://github.com/zalandoresearch/fashion-mnist",
    _four(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        (
            ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880), ("25c81989df183df01b3e8a0aad5dffbe", 29_515),
            ("bef4ecab320f06d8554ea6380940ec79", 4_422_102), ("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
        ),
        # As Debian's package dataset-fashion-mnist has packed them.
        (
            "md5:cf8536b0aa1a6ac5fa3f23001093305c", "md5:10bea18fdb374794d4bb42e356e600c9",
            "md5:f78720b4224f21cce2f2ccf2d7a94c9a", "md5:0d30e22e447f3c33dab9ed536400ac01",
        ),
    ),
    (*_places("fashion-mnist", "FashionMNIST"), "/usr/share/datasets/fashion-mnist"),
)  # fmt: skip

_ARCHIVE = "gzip.zip"
_OF_EMNIST = (
    RemoteFile(
        _ARCHIVE,
        "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
        "md5:58c8d27c78d21e728a6bc7b3cc06412e",
    ),
)


# MD5 of files in the archive, where they are published.
_IN_ARCHIVE = {
    "letters": (
        "8795078f199c478165fe18db82625747", "c16de4f1848ddcdddd39ab65d2a7be52",
        "382093a19703f68edac6d01b8dfdfcad", "d4108920cd86601ec7689a97f2de7f59",
    ),
}  # fmt: skip


def _emnist(kind: str, description: str, n_validation: int, labels: range) -> NamedDataset:
    name = f"emnist-{kind}"
    data = IdxSet(name, f"{name}-train-", f"{name}-test-", n_validation, labels, _ARCHIVE, transposed=True)
    accepted = tuple(
        RemoteFile(f"{file}.gz", _OF_EMNIST[0].url, f"md5:{md5}")
        for file, md5 in zip(data.files(), _IN_ARCHIVE.get(kind, ()), strict=False)
    )
    return _known(
        data,
        description,
        "none stated; the authors ask to cite Cohen et al. 2017",
        "https://www.nist.gov/itl/products-and-services/emnist-dataset",
        _OF_EMNIST,
        (name, *_places(name, "EMNIST")),
        "emnist",
        accepted,
    )


IDX_SETS = (
    _MNIST,
    _FASHION,
    _emnist(
        "letters", "handwritten letters, 28×28, 26 classes; 104,000 / 20,800 / 20,800", 20_800, range(1, 27)
    ),
    _emnist("digits", "handwritten digits, 28×28; 200,000 / 40,000 / 40,000", 40_000, range(10)),
    _emnist(
        "balanced", "handwritten characters, 28×28, 47 classes; 94,000 / 18,800 / 18,800", 18_800, range(47)
    ),
    _emnist(
        "byclass",
        "handwritten characters, 28×28, 62 classes; 581,609 / 116,323 / 116,323", 116_323, range(62),
    ),
)  # fmt: skip
"""Every one of them; validation rows are the last of the official training rows."""
