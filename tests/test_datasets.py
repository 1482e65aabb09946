"""Images to classify: the real loader against a server of our own, and what serves where there is none."""

import gzip
import hashlib
import http.server
import struct
import threading

import pytest
import torch

from autograder import datasets
from autograder.base.environment import overridden
from autograder.datasets import FASHION_MNIST, OFFLINE, Mirrors, digits, load_images, read_idx


def idx(values):
    shape = values.shape
    return gzip.compress(
        struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape) + bytes(values.flatten()), mtime=0
    )


FILES = {
    "train-images-idx3-ubyte.gz": idx(torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)),
    "train-labels-idx1-ubyte.gz": idx(torch.tensor([0, 1, 9], dtype=torch.uint8)),
    "t10k-images-idx3-ubyte.gz": idx(torch.full((2, 4, 4), 255, dtype=torch.uint8)),
    "t10k-labels-idx1-ubyte.gz": idx(torch.tensor([3, 4], dtype=torch.uint8)),
}
MD5 = {name: hashlib.md5(content).hexdigest() for name, content in FILES.items()}


class Mirror(http.server.BaseHTTPRequestHandler):
    """/whole/ has every file, /damaged/ the wrong bytes; anything else is not there, but /silent/ never answers."""

    def do_GET(self):
        _, folder, name = self.path.split("/")
        self.server.asked.append(name)
        if folder == "silent":
            self.server.hang_up.wait(20)
        if folder not in ("whole", "damaged"):
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(FILES[name] if folder == "whole" else FILES[name][:-9])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("AUTOGRADER_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        server.asked, server.hang_up = [], threading.Event()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.hang_up.set()
        server.shutdown()
        thread.join()


def source(server, *folders):
    return Mirrors(tuple(f"http://127.0.0.1:{server.server_port}/{folder}/" for folder in folders), MD5)


def test_fashion_mnist_is_downloaded_once(server, tmp_path, capsys):
    images = load_images(cache=tmp_path, source=source(server, "whole"))
    assert (images.name, len(images.classes)) == ("Fashion-MNIST", 10)
    X, y = images.train
    assert (X.shape, X.dtype, y.tolist(), y.dtype) == ((3, 1, 4, 4), torch.float32, [0, 1, 9], torch.int64)
    assert X[2, 0, 3, 3] == 47 / 255
    assert images.test[0].min() == 1
    assert "Fashion-MNIST" in capsys.readouterr().out
    load_images(cache=tmp_path, source=source(server, "whole"))
    assert sorted(server.asked) == sorted(FILES)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(FILES)


def test_the_next_mirror_serves_what_one_lacks_or_has_damaged(server, tmp_path):
    images = load_images(cache=tmp_path, source=source(server, "missing", "damaged", "whole"))
    assert images.name == "Fashion-MNIST"


def test_files_are_kept_in_the_users_cache(server, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load_images(source=source(server, "whole"))
    assert {file.name for file in (tmp_path / "autograder" / "fashion-mnist").iterdir()} == set(FILES)


def test_a_damaged_file_in_the_cache_is_fetched_again(server, tmp_path):
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(b"half of it")
    assert load_images(cache=tmp_path, source=source(server, "whole")).train[1].tolist() == [0, 1, 9]


@pytest.mark.parametrize("folder", ["missing", "damaged", "silent"])
def test_without_it_the_digits_serve_and_a_notice_says_so(server, tmp_path, capsys, folder):
    images = load_images(cache=tmp_path, source=source(server, folder), patience_s=0.2)
    assert images.name == "UCI handwritten digits"
    assert "Fashion-MNIST is not available" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_time_is_up_while_bytes_still_come(server, tmp_path):
    assert load_images(cache=tmp_path, source=source(server, "whole"), deadline_s=0).name == "UCI handwritten digits"


def test_offline_nobody_is_asked(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AUTOGRADER_OFFLINE", "1")
    assert load_images(cache=tmp_path, source=source(server, "whole")).name == "UCI handwritten digits"
    assert not server.asked
    assert "AUTOGRADER_OFFLINE" in capsys.readouterr().out


def test_a_notebook_that_is_run_to_be_judged_asks_nobody(server, tmp_path):
    for _ in range(2):
        with overridden(OFFLINE, "1"), overridden(OFFLINE, "1"):
            assert load_images(cache=tmp_path, source=source(server, "whole")).name == "UCI handwritten digits"
    assert not server.asked
    assert load_images(cache=tmp_path, source=source(server, "whole")).name == "Fashion-MNIST"


def test_the_digits_are_of_every_class_in_both_parts():
    images = digits()
    assert (len(images.train[1]), len(images.test[1])) == (1540, 257)
    for X, y in (images.train, images.test):
        assert (X.min(), X.max(), X.shape[1:]) == (0, 1, (1, 8, 8))
        assert y.bincount().min() > 0.08 * len(y)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        gzip.compress(b""),
        gzip.compress(b"\0\0\x0d\x01\0\0\0\1\0\0\0\0"),
        gzip.compress(b"\0\0\x08\x01\0\0\0\5ab"),
    ],
    ids=["empty", "a page", "nothing compressed", "another type", "too short"],  # gzip puts the time into its bytes
)
def test_what_is_no_idx_file_is_an_os_error(content):
    with pytest.raises(OSError):
        read_idx(content)


def test_the_real_source_is_complete():
    assert set(FASHION_MNIST.md5) == set(FILES)
    assert all(address.endswith("/") for address in FASHION_MNIST.mirrors)
    assert datasets._CLOTHES[9] == "ankle boot"
