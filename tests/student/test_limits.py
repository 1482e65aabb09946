"""What the sandbox forbids is said as that: which limit, and what to write instead."""

import jupyter_cells as cells
import pytest

FILES = "no files can be written here"
NOTEBOOK = "only the notebook is read"
PROCESS = "no other process can be started here"
NETWORK = "there is no network here"

FORBIDDEN = {
    **dict.fromkeys((source for name, source in cells.FILES.items() if name != "a database"), FILES),
    cells.FILES["a database"]: FILES,
    "import os\nos.remove('a')": FILES,
    "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.savefig('no/a.png')": "plt.show() shows it",
    "import torch\ntorch.ones(2).share_memory_()": PROCESS,
    "import torch\ntorch.save({}, 'models/best.pt')": FILES,
    "open('/content/x.json', 'w')": FILES,
    "open('/tmp/pytest-of-root/pytest-0/test_a0/a.csv')": "no file of the tests is here, and none that is written",
    "open('/etc/passwd')": "none can be read but the data of the assignment",
    "from helpers import half": f"{NOTEBOOK}, not the files beside it, and no module `helpers` is installed",
    "import helpers.more": "paste its functions into the notebook",
    "open('train.csv')": NOTEBOOK,
    "import numpy as np\nnp.loadtxt('train.csv')": NOTEBOOK,
    "%run settings.py": "%run settings.py did nothing",
    "%run settings": "paste the content of settings.py into a cell",
    "%%writefile doubling.py\nx = 1": "%%writefile doubling.py did nothing: no files can be written here",
    "import subprocess\nsubprocess.run(['ls'])": PROCESS,
    "import os\nos.popen('ls')": PROCESS,
    "import subprocess\nsubprocess.run(['/bin/ls'], close_fds=False)": PROCESS,
    "import os\nos.fork()": PROCESS,
    "import multiprocessing\nmultiprocessing.Process(target=print).start()": PROCESS,
    "import multiprocessing\nmultiprocessing.Pool(2)": "the pool works with threads",
    "from concurrent.futures import ProcessPoolExecutor\nProcessPoolExecutor().submit(print)": "the pool works with threads",
    "import os\nos.symlink('a', 'b')": "no links to files",
    "import os\nos.nice(1)": "change nothing else of the machine",
    "import pdb\npdb.set_trace()": "nobody is there to answer",
    "import os\nos.kill(os.getppid(), 9)": "change nothing else of the machine",
    "import urllib.request\nurllib.request.urlopen('http://example.com')": NETWORK,
    "import socket\nsocket.create_connection(('example.com', 80))": NETWORK,
    "import socket\nsocket.socket()": NETWORK,
    "name = input('name? ')": "nobody is there to answer input()",
}

MISSED = {
    "!wget -q https://example.com/data.zip": "wget",
    "!pip install -q gdown && gdown 1a2b3c": "gdown",
    "!ls\n!git clone https://example.com/a.git\n!unzip a.zip": "git",
    "!echo one > a.txt": "echo",
    "!mkdir -p a && cp b a": "mkdir",
    "lines = !head -5 train.csv": "head",
    "lines = !ls | wc -l": "ls",
    "%%bash\n# first\nls\n./build.sh": "build.sh",
    "%%sh\ncurl https://example.com": "curl",
    "%%script bash\ncurl https://example.com": "curl",
    "%%perl\nprint 1;": "perl",
    "%sx make": "make",
    "import os\nos.system('python train.py')": "python",
}
NOT_MISSED = [
    "!pip install tqdm",
    "!pip3 install -U 'torch>=2'",
    "!pip install tqdm > /dev/null 2>&1",
    "!{sys.executable} -m pip install tqdm",
    "!sudo apt-get install -y graphviz",
    "!yes | conda install numpy",
    "%pip install tqdm",
    "%conda install tqdm",
    "!nvidia-smi",
    "gpu = !nvidia-smi",
    "!nvidia-smi | head -10",
    "!ls -l\n!pwd\n!cat /proc/cpuinfo | grep model",
    "!python --version",
    "here = !pwd",
    "names = !ls",
    "!cd ..",
    "!mkdir -p models",
    "%%bash\npip install tqdm\nls",
    "%%script false --no-raise-error\nwget https://example.com",
    "%%html\n<b>one</b>",
    "import os\nos.system('nvidia-smi')\nos.system('clear')",
]


NOT_OUR_FAULT = [
    "raise PermissionError('mine')",
    "raise RuntimeError('open the file')",
    "raise EOFError",
    "raise FileNotFoundError('mine')",
    "import torch.unheard_of",
    "from torch import unheard_of",
    "1 / 0",
    "raise ConnectionError('mine')",
    "import sqlite3\nsqlite3.connect(':memory:').execute('nonsense')",
]


@pytest.mark.parametrize(("source", "words"), FORBIDDEN.items())
def test_a_limit_is_named_once_in_both_languages(open_student, source, words):
    student = open_student(source, cell_s=20)
    (problem,) = student.runner.problems
    assert problem.text.en.count(words) == 1
    assert problem.text.en.splitlines()[-1] != problem.text.zh.splitlines()[-1]
    assert problem.cell == 1


@pytest.mark.parametrize("source", NOT_OUR_FAULT)
def test_nothing_is_claimed_of_other_errors(open_student, source):
    student = open_student(source)
    (problem,) = student.runner.problems
    assert problem.text.en.splitlines()[-1].partition(":")[0].endswith(("Error", "ImportError"))


def test_a_function_that_meets_a_limit_says_so(open_student):
    from autograder.base.errors import StudentException

    student = open_student("import torch\ndef f():\n    torch.save({}, 'best.pt')")
    with pytest.raises(StudentException, match=r"copy\.deepcopy\(net\.state_dict\(\)\)") as failure:
        student.f()
    assert "这里不能写文件" in failure.value.text.zh


def test_with_a_scratch_folder_other_words_are_used(open_student):
    student = open_student("open('/left-behind', 'w')", scratch_mb=1)
    (problem,) = student.runner.problems
    assert "in the working folder only" in problem.text.en


@pytest.mark.parametrize(("source", "program"), MISSED.items())
def test_a_command_whose_result_the_code_lacks_is_noted_once(open_student, source, program):
    student = open_student(source + "\n!make", "!make all", "def f(): return 1")
    (note,) = student.runner.problems
    assert note.kind == "note"
    assert note.text.en.startswith(f"commands are not run here: `{program}` did nothing")
    assert note.text.zh.startswith(f"这里不运行命令：`{program}` 什么也没有做")
    assert note.cell == 1
    assert student.f() == 1


@pytest.mark.parametrize("source", NOT_MISSED)
def test_a_command_that_nobody_misses_is_passed_over(open_student, source):
    student = open_student(source, "def f(): return 1")
    assert student.runner.problems == ()
    assert student.f() == 1


def test_a_limit_is_explained_where_it_is_met_first_and_referred_to_elsewhere(open_student):
    student = open_student("x = 1\nopen('a', 'w')", "open('b', 'w')", "def f(): return 1", "input()")
    first, second, third = student.runner.problems
    assert FILES in first.text.en
    assert FILES not in second.text.en
    assert second.text.en.endswith("\nthe same limit as in code cell 1, line 2")
    assert second.text.zh.endswith("\n与代码单元格 1，第 2 行遇到的限制相同")
    assert "nobody is there to answer input()" in third.text.en
