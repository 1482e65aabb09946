"""Cells that work in Jupyter; each sequence leaves ``ok`` true."""

SHELL = {
    "the shell by import": ["from IPython import get_ipython\nshell = get_ipython()\nshell.run_line_magic('matplotlib', 'inline')\nok = shell is not None"],
    "the shell by its module": ["from IPython.core.getipython import get_ipython as ask\nok = ask() is get_ipython()"],
    "magics after it": ["from IPython import get_ipython", "%load_ext autoreload\n%autoreload 2\nx = 1", "%time y = x + 1", "ok = y == 2"],
    "any line magic": ["shell = get_ipython()\nshell.run_line_magic('unheard_of', 'x')\nshell.magic('matplotlib inline')\nok = True"],
    "settings of the shell": ["ip = get_ipython()\nip.display_formatter.formatters['text/html'].for_type(int, str)\nip.events.register('post_run_cell', print)\nok = 'IPKernelApp' not in ip.config"],
    "code as text": ["ip = get_ipython()\nip.run_cell('a = 2')\nip.ex('b = a + 1')\nip.push({'c': 4})\nok = ip.ev('a + b') + c == 9 and ip.user_ns['b'] == 3"],
    "settings by attribute": ["ip = get_ipython()\nip.config.InlineBackend.figure_format = 'svg'\nok = ip.config.InlineBackend.figure_format == 'svg' and 'IPKernelApp' not in ip.config"],
    "the result of a cell": ["result = get_ipython().run_cell('a = 1\\na + 1')\nok = result.success and result.result == 2 and a == 1"],
    "a magic of one's own": ["from IPython.core.magic import register_line_magic, register_cell_magic\n@register_line_magic\ndef twice(line):\n    return 2 * int(line)\n@register_cell_magic\ndef shout(line, cell):\n    return cell.upper()", "a = %twice 4", "%%shout\nb", "ok = a == 8 and _ == 'B\\n'"],
    "await": ["import asyncio\nasync def three():\n    await asyncio.sleep(0)\n    return 3\nok = (await three()) == 3"],
    "the value of an await": ["import asyncio\nasync def three():\n    return 3", "await three()", "ok = _ == 3"],
    "async for and with": ["import asyncio, contextlib\nasync def numbers():\n    for n in range(3):\n        yield n\n@contextlib.asynccontextmanager\nasync def opened():\n    yield 5\nfound = []\nasync for n in numbers():\n    found.append(n)\nasync with opened() as x:\n    found.append(x)\nok = found == [0, 1, 2, 5] and [n async for n in numbers()] == [0, 1, 2]"],
    "gathered": ["import asyncio\nfirst, second = await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0.01, 2))\nok = (first, second) == (1, 2)"],
    "a task over several cells": ["import asyncio\ntask = asyncio.get_event_loop_policy().new_event_loop().close()\nasync def begin():\n    return asyncio.create_task(asyncio.sleep(0, 7))", "task = await begin()", "ok = await task == 7"],
    "a task of the loop": ["import asyncio\nasync def three():\n    return 3\ntask = asyncio.get_event_loop().create_task(three())", "ok = await task == 3"],
    "a task without an await": ["import asyncio\ntask = asyncio.create_task(asyncio.sleep(0, 5), name='t')\nboth = asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2))", "ok = await task == 5 and await both == [1, 2]"],
    "awaited after asyncio.run": ["import asyncio\nasyncio.run(asyncio.sleep(0))", "ok = await asyncio.sleep(0, 4) == 4"],
    "asyncio.run": ["import asyncio\nok = asyncio.run(asyncio.sleep(0, 4)) == 4"],
    "threads of a loop": ["import asyncio\nok = await asyncio.to_thread(max, 1, 2) == 2"],
    "history": ["41 + 2", "ok = 43 in Out.values() and any('41 + 2' in text for text in In)"],
    "results by name": ["1 + 1", "'b'", "ok = (_, __, _1, _2, Out[2]) == ('b', 2, 2, 'b', 'b')"],
    "inputs by name": ["x = 1", "ok = _i == 'x = 1' and _i1 == In[1] == _ih[1]"],
    "nothing to keep": ["5", "6;", "None", "ok = _ == 5 and set(Out) == {1}"],
    "an underscore of one's own": ["for _ in range(3): pass", "9", "ok = _ == 2 and Out[2] == 9"],
    "magics of a class": ["from IPython.core.magic import Magics, cell_magic, line_magic, magics_class\n@magics_class\nclass Own(Magics):\n    @line_magic\n    def twice(self, line):\n        return 2 * int(line)\n    @cell_magic\n    def count(self, line, cell):\n        return len(cell)\nget_ipython().register_magics(Own)", "a = %twice 4", "%%count\nabc", "ok = (a, _) == (8, 4)"],
    "is it a notebook": ["ok = get_ipython().__class__.__name__ == 'ZMQInteractiveShell'"],
    "shown in place": ["from IPython.display import display as shown, update_display\none = display(1, display_id=True)\none.update(2)\nother = shown(1, display_id='a')\nother.display(3)\nupdate_display(4, display_id='a')\nok = other.display_id == 'a' and display(1) is None"],
    "formats as they were": ["from IPython.display import set_matplotlib_formats\nfrom IPython import display as shown\nshown.set_matplotlib_formats('svg')\nok = True"],
    "pylab": ["%pylab inline", "ok = np.ones(2).sum() == 2 and pi > 3 and plt.plot is plot"],
    "who am I": ["import getpass\nok = bool(getpass.getuser())"],
    "captured words": ["%%capture shown\nprint('hello')", "ok = shown.stdout == 'hello\\n' and str(shown) == shown.stdout and shown.stderr == ''"],
    "captured errors": ["%%capture --no-stdout shown\nimport sys\nprint('!', file=sys.stderr)", "ok = shown.stderr == '!\\n' and shown.stdout == ''"],
    "captured pictures": ["%%capture shown\ndisplay(7)\n8", "ok = len(shown.outputs) == 2\nshown.show()\nshown()"],
    "captured without a name": ["%%capture\nx = 5", "ok = x == 5"],
    "a measurement": ["spent = %timeit -n1 -r1 -o -q sum(range(10))", "ok = spent.average >= 0 and (spent.loops, spent.repeat, len(spent.all_runs)) == (1, 1, 1)"],
    "several runs": ["spent = %timeit -n 3 -r 2 -o sum(range(10))", "ok = spent.best <= spent.average <= spent.worst and (spent.loops, spent.repeat) == (3, 2) and 'loop' in str(spent)"],
    "options in one": ["spent = %timeit -qo -n2 -p 3 1 + 1", "ok = spent.loops == 2 and spent.stdev >= 0"],
    "a measured cell": ["%%timeit -n1 -r1 numbers = list(range(10))\ntotal = sum(numbers)", "ok = total == 45"],
    "a negative number": ["x = 3", "y = %time -x", "ok = y == -3"],
    "the value of a timed cell": ["%%time\na = 4\na + 1", "ok = _ == 5 and a == 4"],
    "a profile": ["%prun -s cumulative -q x = 2", "ok = x == 2"],
    "await under a magic": ["import asyncio", "%%time\nx = await asyncio.sleep(0, 6)", "ok = x == 6"],
    "a magic inside another": ["%%capture shown\ny = %time 1 + 1", "ok = y == 2"],
    "a magic in a loop": ["for n in range(3):\n    %time x = n", "ok = x == 2"],
    "shell lines": ["files = !ls\nwords = !echo a\nplace = %pwd\nall = %env\nhome = %env HOME\n!pip install d2l\n%pip install torch\n!!ls\nok = isinstance(files.n, str) and isinstance(place, str) and isinstance(all, dict) and isinstance(home, str) and words.s == 'a'"],
    "words of a shell line": ["name = 'b'\nfirst = !echo a $name {name} -n\nsecond = !echo a | sort\nthird = !cat missing.txt\nok = first == ['a b b'] and second == third == []"],
    "variables": ["%env COURSE=one\n%set_env OTHER two", "import os\nok = (os.environ['COURSE'], os.environ['OTHER']) == ('one', 'two')"],
    "other folders": ["import os\nbefore = os.getcwd()\n%cd ..\n%cd /\n%cd nowhere\nok = os.getcwd() == before"],
    "other languages": ["%%bash\necho hi", "%%html\n<b>x</b>", "%%javascript\nalert(1)", "%%latex\nx", "%%script false\nx", "ok = True"],
    "questions": ["x = 1\nx?\nx??\n?x", "ok = True"],
    "shown by import": ["from IPython.display import HTML, Image, Markdown, Math, clear_output, display\nfrom IPython import display as shown\nclear_output(wait=True)\nshown.clear_output()\ndisplay(HTML('<b>x</b>'), Markdown('x'))\nshown.display(1)\nok = True"],
    "formats of pictures": ["from matplotlib_inline import backend_inline\nbackend_inline.set_matplotlib_formats('svg', 'png')\n%config InlineBackend.figure_format = 'retina'\nok = True"],
    "pictures": ["%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nok = True"],
    "progress": ["from tqdm.notebook import tqdm\nfrom tqdm.auto import trange\nbar = tqdm(range(3), desc='epoch', leave=False)\nfor n in bar:\n    bar.set_postfix(loss=n)\nwith tqdm(total=2) as other:\n    other.update(2)\nok = n == 2 and list(trange(2)) == [0, 1]"],
    "printed in between": ["print('epoch 1')\nok = True"],
}  # fmt: skip

LOADERS = {
    "two workers": "torch.utils.data.DataLoader(data, batch_size=2, num_workers=2)",
    "by position": "torch.utils.data.DataLoader(data, 2, False, None, None, 1)",
    "all that goes with them": "torch.utils.data.DataLoader(data, batch_size=2, num_workers=2, prefetch_factor=4, persistent_workers=True, pin_memory=False, multiprocessing_context='fork', timeout=5)",
    "a function of theirs": "torch.utils.data.DataLoader(data, batch_size=2, num_workers=2, worker_init_fn=print)",
    "partial": "functools.partial(torch.utils.data.DataLoader, num_workers=2)(data, batch_size=2)",
    "a class of one's own": "Mine(data, batch_size=2)",
    "set afterwards": "(loader := torch.utils.data.DataLoader(data, batch_size=2), setattr(loader, 'num_workers', 3))[0]",
}  # fmt: skip
LOADER_CELL = """\
import functools, torch
data = torch.utils.data.TensorDataset(torch.arange(6.0))
class Mine(torch.utils.data.DataLoader):
    def __init__(self, *given, **named):
        super().__init__(*given, num_workers=2, **named)
loader = {loader}
ok = all([x.tolist() for x, in loader] == [[0, 1], [2, 3], [4, 5]] for _ in range(2)) and loader.num_workers > 0
"""

FILES = {
    "the best network": "import torch\nnet = torch.nn.Linear(2, 1)\ntorch.save(net.state_dict(), 'best.pt')\nnet.load_state_dict(torch.load('best.pt'))\nok = True",
    "a database": "import sqlite3\nbase = sqlite3.connect('notes.db')\nbase.execute('create table t (a integer)')\nbase.execute('insert into t values (5)')\nbase.commit()\nok = base.execute('select a from t').fetchone() == (5,)",
    "removed": "import os\nopen('draft.txt', 'w').write('1')\nos.remove('draft.txt')\nok = not os.path.exists('draft.txt')",
    "temporary": "import tempfile\nwith tempfile.NamedTemporaryFile('w+') as file:\n    file.write('x')\nwith tempfile.TemporaryDirectory(): pass\nok = True",
    "folders": "import os, shutil\nos.makedirs('models/a')\nopen('models/a/x', 'w').close()\nos.rename('models/a/x', 'models/y')\nshutil.rmtree('models')\nok = os.listdir() == []",
    "numpy": "import numpy as np\nnp.save('a.npy', np.ones(2))\nok = np.load('a.npy').sum() == 2",
    "a figure": "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.savefig('a.png')\nok = True",
    "pickled": "import pickle\npickle.dump([1], open('a.pkl', 'wb'))\nok = pickle.load(open('a.pkl', 'rb')) == [1]",
    "by pathlib": "from pathlib import Path\nPath('a').mkdir()\nPath('a/b').write_text('c')\nok = Path('a/b').read_text() == 'c'",
    "in the home": "from pathlib import Path\n(Path.home() / 'x').write_text('y')\nok = True",
}  # fmt: skip
