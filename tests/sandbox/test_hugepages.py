"""What makes forks cheap, seen in a child: nothing else shows whether the kernel did what it was asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from autograder.sandbox import hugepages


def code_of_torch():
    """How much of torch's code this process has found, in KB."""
    own, found = False, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split()[0]:
            own = " r-xp " in line and line.endswith("libtorch_cpu.so")
        elif own and line.startswith("Rss:"):
            found += int(line.split()[1])
    return found


def in_a_child(answer):
    """What a function returns in a forked process."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(theirs, json.dumps(answer()).encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as said:
        told = said.read()
    os.waitpid(pid, 0)
    return json.loads(told)


def forks_before_and_after_sharing():
    torch.set_num_threads(1)
    x = torch.randn(8, 8, requires_grad=True)
    (x @ x).softmax(1).square().sum().backward()
    before = in_a_child(code_of_torch)
    is_shared = hugepages.share_code() > 0
    return code_of_torch(), before, in_a_child(code_of_torch), is_shared, torch.ones(3).add(1).tolist()


def test_a_child_finds_the_code_that_its_parent_has_found():
    alone = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=True)  # it has no threads
    found, before, after, is_shared, sum_afterwards = json.loads(alone.stdout)
    assert sum_afterwards == [2, 2, 2]
    if not is_shared:
        pytest.skip("this kernel lets no process write to its own code")
    assert before < found / 2
    assert after > 0.9 * found


if __name__ == "__main__":
    print(json.dumps(forks_before_and_after_sharing()))
