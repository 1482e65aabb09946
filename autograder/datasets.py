"""Images to classify: Fashion-MNIST where it is available, otherwise handwritten digits that come with the package.

Students' notebooks import this module, in a grading worker too. It therefore imports nothing else of the package, and
reads the digits when it is imported, because a worker may read no files later.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import struct
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

Value = TypeVar("Value")

_CARRIED = {path.name: path.read_bytes() for path in sorted((Path(__file__).parent / "data").glob("*.gz"))}
OFFLINE = "AUTOGRADER_OFFLINE"
"""If set, nothing is downloaded: grading a notebook must not wait for the network."""
_IDX_OF_BYTES = 0x08
_TEST_EVERY = 7  # the digits come in runs of 0 to 9: a number that shares no factor with 10 takes all classes equally


@dataclass(frozen=True)
class Mirrors:
    """Where the four files of Fashion-MNIST can be downloaded.

    Args:
        mirrors: addresses to which a file's name is appended; tried in this order.
        md5: the checksum of each file, as its publishers state it.
    """

    mirrors: tuple[str, ...]
    md5: dict[str, str]


FASHION_MNIST = Mirrors(
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    md5={  # the smallest first, so that a missing network shows soon
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    },
)
_CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


@dataclass(frozen=True)
class Images:
    """Images and their classes, for training and for testing.

    Args:
        name: the data set's name.
        classes: what the labels 0, 1, ... mean.
        train: images (n, 1, height, width), float32 from 0 to 1, and labels (n,), int64.
        test: the same for other images.
        notice: which data set this is and why, in Chinese and English.
    """

    name: str
    classes: tuple[str, ...]
    train: tuple[torch.Tensor, torch.Tensor]
    test: tuple[torch.Tensor, torch.Tensor]
    notice: str


def load_images(
    *, cache: Path | None = None, source: Mirrors = FASHION_MNIST, patience_s: float = 4, deadline_s: float = 120
) -> Images:
    """Load Fashion-MNIST, or the handwritten digits if it is not available, and print which one it is.

    Args:
        cache: the folder that keeps downloaded files; by default one in the user's cache folder.
        source: where the files come from.
        patience_s: how long a server may be silent.
        deadline_s: how long all downloads may take; files that are complete by then are kept for the next time.

    Returns:
        The images. With ``AUTOGRADER_OFFLINE=1`` in the environment these are always the digits.
    """
    if os.environ.get(OFFLINE):
        images = digits(f"{OFFLINE} 已设置 / is set")
    else:
        try:
            images = _fashion_mnist(cache or _cache_folder(), source, patience_s, time.monotonic() + deadline_s)
        except (OSError, http.client.HTTPException) as error:
            images = digits(f"无法取得 Fashion-MNIST / Fashion-MNIST is not available: {error}")
    print(images.notice)
    return images


def digits(reason: str = "") -> Images:
    """Return the handwritten digits that come with the package: 1,540 for training, 257 for testing.

    Args:
        reason: why these are used, for the notice.

    Returns:
        Images of shape (n, 1, 8, 8).

    Source:
        E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998
        (CC BY 4.0, https://doi.org/10.24432/C50P49).

    >>> X, y = digits().test
    >>> X.shape, y.shape
    (torch.Size([257, 1, 8, 8]), torch.Size([257]))
    """
    import torch

    pixels, labels = (read_idx(_CARRIED[f"digits-{part}-ubyte.gz"]) for part in ("images-idx3", "labels-idx1"))
    X, y = pixels.unsqueeze(1).float() / 16, labels.long()
    held_out = torch.arange(len(y)) % _TEST_EVERY == 0
    notice = f"数据 / Data: UCI 手写数字 / handwritten digits, 8x8{f' ({reason})' if reason else ''}"
    return Images(
        "UCI handwritten digits",
        tuple("0123456789"),
        (X[~held_out], y[~held_out]),
        (X[held_out], y[held_out]),
        notice,
    )


def read_idx(content: bytes) -> torch.Tensor:
    """Decode a gzipped IDX file of bytes, the format of MNIST.

    Returns:
        A uint8 tensor of the shape that the file states.

    Raises:
        OSError: the content is something else, or damaged.
    """
    import torch

    try:
        plain = gzip.decompress(content)
        kind, dimensions = struct.unpack_from(">xxBB", plain)
        shape = struct.unpack_from(f">{dimensions}I", plain, 4)
        if kind != _IDX_OF_BYTES:
            raise OSError("not an IDX file of bytes")
        return torch.frombuffer(bytearray(plain), dtype=torch.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (EOFError, ValueError, RuntimeError, struct.error, zlib.error) as error:
        raise OSError(f"not an IDX file: {error}") from error


def _fashion_mnist(cache: Path, source: Mirrors, patience_s: float, deadline: float) -> Images:
    files = {name: read_idx(_cached(cache / name, source, patience_s, deadline)) for name in source.md5}

    def part(name: str) -> tuple[torch.Tensor, torch.Tensor]:
        pixels, labels = files[f"{name}-images-idx3-ubyte.gz"], files[f"{name}-labels-idx1-ubyte.gz"]
        return pixels.unsqueeze(1).float() / 255, labels.long()

    return Images("Fashion-MNIST", _CLOTHES, part("train"), part("t10k"), "数据 / Data: Fashion-MNIST, 28x28")


def _cache_folder() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("autograder", appauthor=False) / "fashion-mnist"


def _cached(path: Path, source: Mirrors, patience_s: float, deadline: float) -> bytes:
    """Return a file from the cache, or from the first mirror that has it; a wrong checksum counts as missing."""
    wanted = source.md5[path.name]
    if path.is_file() and _md5(content := path.read_bytes()) == wanted:
        return content
    content = _download(path.name, source.mirrors, wanted, patience_s, deadline)
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = path.with_name(f"{path.name}.{os.getpid()}")  # another process may be doing the same
    mine.write_bytes(content)
    mine.replace(path)
    return content


def _download(name: str, mirrors: Sequence[str], wanted: str, patience_s: float, deadline: float) -> bytes:
    reason: Exception = OSError("no mirror")
    for mirror in mirrors:
        try:
            content = _fetch(mirror + name, patience_s, deadline)
        except (OSError, http.client.HTTPException) as error:
            reason = error
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            continue
        if _md5(content) == wanted:
            return content
        reason = OSError(f"{name} is damaged")
    raise reason


def _fetch(address: str, patience_s: float, deadline: float) -> bytes:
    """Return the bytes at an address; raise OSError if the server is silent for too long or time is up."""
    opened = _within(patience_s, lambda: urllib.request.urlopen(address, timeout=patience_s))  # noqa: S310 -- http(s) only
    content = bytearray()
    with opened as response:
        while chunk := response.read(1 << 16):
            content += chunk
            if time.monotonic() > deadline:
                raise TimeoutError("download takes too long")
    return bytes(content)


def _within(seconds: float, do: Callable[[], Value]) -> Value:
    """Do something that may hang where no timeout reaches, such as a name lookup.

    Raises:
        TimeoutError: it did not finish in time; its thread is left behind.
    """
    done: list[Value] = []
    failed: list[OSError | http.client.HTTPException] = []

    def run() -> None:
        try:
            done.append(do())
        except (OSError, http.client.HTTPException) as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise TimeoutError("no answer")
    return done[0]


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
