"""NORB's files: their official names, addresses and checksums, and how files of its kind are called.

The checksums are those that others published (of NORB by the loader of skdata, of Small NORB by TensorFlow
Datasets); the files themselves could not be had to check them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Content = Literal["dat", "cat", "info"]
CONTENTS: tuple[Content, ...] = ("dat", "cat", "info")
Side = Literal["training", "testing"]
SIDES: tuple[Side, ...] = ("training", "testing")


@dataclass(frozen=True)
class OfficialFile:
    """A file as it is published.

    Attributes
    ----------
    name : str
    url : str
    checksum : str
        "sha1:" or "sha256:" and hexadecimal digits.
    size : int or None
        Bytes, where they are known.
    """

    name: str
    url: str
    checksum: str
    size: int | None = None


@dataclass(frozen=True)
class Collection:
    """Files of NORB's kind that belong together.

    Attributes
    ----------
    name : str
        How the data set is called.
    prefix : str
        What the names of all its files begin with.
    instances : (str, str)
        Instances in the training and in the testing files, as their names say them.
    n_files : (int, int)
        Training and testing files of each content; 0 stands for one that has no number.
    n_kinds : int
        Kinds of objects with several instances, without "nothing".
    n_classes : int
        Kinds, and "nothing" where there are such images.
    image_side : int
        Pixels.
    n_info : int
        Columns of the files that say how an image was made.
    origin : str
        What to do where a file is missing.
    """

    name: str
    prefix: str
    instances: tuple[str, str]
    n_files: tuple[int, int]
    n_kinds: int
    n_classes: int
    image_side: int
    n_info: int
    origin: str

    def names(self, side: Side, content: Content) -> list[str]:
        """Names of the training or testing files, without what says that they are compressed."""
        at = SIDES.index(side)
        middle = f"{self.n_kinds}x{self.instances[at]}x9x18x6x2x{self.image_side}x{self.image_side}-{side}"
        numbers = [f"-{i + 1:02d}" for i in range(self.n_files[at])] or [""]
        return [f"{self.prefix}-{middle}{number}-{content}.mat" for number in numbers]

    def find(self, folder: Path, side: Side, content: Content) -> list[Path | None]:
        """Where these files lie in a folder, compressed or not."""
        found: list[Path | None] = []
        for name in self.names(side, content):
            paths = (folder / name, folder / f"{name}.gz")
            found.append(next((path for path in paths if path.is_file()), None))
        return found


NORB_URL = "https://cs.nyu.edu/~ylclab/data/norb-v1.0/"
SMALL_NORB_URL = "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/"

NORB = Collection(
    "norb", "norb", ("46789", "01235"), (10, 2), 5, 6, 108, 10, f"get all files from {NORB_URL}"
)
SMALL_NORB = Collection(
    "small-norb", "smallnorb", ("46789", "01235"), (0, 0), 5, 5, 96, 4,
    f"get all files from {SMALL_NORB_URL}",
)  # fmt: skip
TOYS = Collection(
    "toys", "toys", ("46789", "01235"), (10, 2), 5, 6, 108, 10,
    "make them, or go on making them, with `make_toys`",
)  # fmt: skip
ETH80 = Collection(
    "eth80", "eth80", ("01234", "56789"), (10, 2), 8, 9, 108, 10,
    "make them, or go on making them, with `make_eth80`",
)  # fmt: skip

# fmt: off
_NORB_SHA1 = {
    "training-01-dat": "38789c74538b0a3f86a4f854f0f0e3482451fd09",
    "training-01-cat": "b9ed38a6af5d9287872ab7064c416fd35dcea79b",
    "training-01-info": "2e2e2a3eef2e0b70dd889ea84f3ce028869eb8de",
    "training-02-dat": "a559ad82aad672ea281db8c437ea89ca6a76a9fa",
    "training-02-cat": "192e87e661f29890e0536bc6445b8fa43fbad832",
    "training-02-info": "8b6cc488a6707e853d065efd338e0d6541f005eb",
    "training-03-dat": "4318343182078b87af6e93eb7a1a0d63b55a7af4",
    "training-03-cat": "ca6f995f9f5b39ae614f8a355a70d53bf1ce4dff",
    "training-03-info": "09460917f05e90337b110527a3840defa84650b2",
    "training-04-dat": "32e193bb7234de588b67592ce04c57cb5b36412a",
    "training-04-cat": "2353025bfcf02ec6fd91171fcf1f964c2ff1f00b",
    "training-04-info": "16e63a9cec76ce1b96ec7ab28ae01a3d35f6eba9",
    "training-05-dat": "0669b2942215f05c33d7be07df352d96b5a4bbe3",
    "training-05-cat": "931f63df18ec27e18a3859e35953a6f2a6478b11",
    "training-05-info": "75b0ef12a7987e88dfc27ce4abde3b6a6f6ba64a",
    "training-06-dat": "779bf6ce2e69cc8cabaf0a1716e6528313c250b0",
    "training-06-cat": "48b91f77aa94dfbd04ccf57b753e4cd42d0631cf",
    "training-06-info": "89ac793064083fec52182402a66dbe71ffaacebc",
    "training-07-dat": "ef6410b90cae2d11a4609787806ae44cb2bbe719",
    "training-07-cat": "f29cd673bd9840abf0fecd68a4d328b698f50cfa",
    "training-07-info": "265248cad68aabc1dc85eb0b68d390aac080d720",
    "training-08-dat": "73302e20486b64824e29a907ec7a353c14c12215",
    "training-08-cat": "d3bc1d9111404d683b8ac6b7adb7e4fa972b765f",
    "training-08-info": "f3678eca658b6c2484ed9d47ca13210c321a88c3",
    "training-09-dat": "26ad80a8b99283804ab69207f81ff902343037b3",
    "training-09-cat": "801d3b16f7813a9e383507a933b1d8a292f3722b",
    "training-09-info": "a4e404c0fa154a6fdb64b82bd6b3203e824f30e9",
    "training-10-dat": "f9d53d3cb99188b085ce304f826c95f1e3dc8e14",
    "training-10-cat": "1496bce011b0435da3f54e50560b66abfda9824e",
    "training-10-info": "03cb78af70fc588b606b0d4b78d9df4396b096b8",
    "testing-01-dat": "4a2a765a8a351e0c005aef54cf320ca53b04d50c",
    "testing-01-cat": "ba6e05ca90b151997d3fca7082e7a6bd3a470fd4",
    "testing-01-info": "68c63325de7ac11e630de670dc2a9743d9826478",
    "testing-02-dat": "79e037950a5423fb126685705b4dfb874ca471f3",
    "testing-02-cat": "13d11d472f26492e2ee68cf1cfccc23e143a97cb",
    "testing-02-info": "4431515f880ff20473bed2f6f1ffd00075a7ff40",
}
_SMALL_NORB_SHA256 = {
    "training-dat": (
        "5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873", 131_896_188),
    "training-cat": (
        "2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa", 348),
    "training-info": (
        "de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32", 71_052),
    "testing-dat": (
        "cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474", 130_799_817),
    "testing-cat": (
        "ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff", 347),
    "testing-info": (
        "16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2", 10_428),
}
# fmt: on


def _official(
    collection: Collection, url: str, known: dict[str, tuple[str, int | None]]
) -> list[OfficialFile]:
    files = []
    for side in SIDES:
        for content in CONTENTS:
            for name in collection.names(side, content):
                checksum, size = known[name[name.index(side) : -len(".mat")]]
                files.append(OfficialFile(f"{name}.gz", f"{url}{name}.gz", checksum, size))
    return files


NORB_FILES: tuple[OfficialFile, ...] = tuple(
    _official(NORB, NORB_URL, {key: (f"sha1:{sha1}", None) for key, sha1 in _NORB_SHA1.items()})
)
SMALL_NORB_FILES: tuple[OfficialFile, ...] = tuple(
    _official(
        SMALL_NORB,
        SMALL_NORB_URL,
        {key: (f"sha256:{sha256}", size) for key, (sha256, size) in _SMALL_NORB_SHA256.items()},
    )
)
FILES: dict[str, tuple[OfficialFile, ...]] = {"norb": NORB_FILES, "small-norb": SMALL_NORB_FILES}
"""Of each official data set, every file that `load_norb` reads, to be put into one folder."""
