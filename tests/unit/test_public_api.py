"""What `import tulip_ops` costs and offers; what it does: tests/postgis/test_python_api.py."""

import json
import subprocess
import sys

import tulip_ops

COST = """
import json, sys, time
before, started = set(sys.modules), time.process_time()
import tulip_ops
seconds = time.process_time() - started
print(json.dumps([seconds, sorted(set(sys.modules) - before)]))
"""


def test_the_package_is_imported_at_once_and_imports_no_library() -> None:
    told = subprocess.run(
        [sys.executable, "-c", COST], capture_output=True, check=True, text=True
    ).stdout
    seconds, modules = json.loads(told)
    assert seconds < 0.05
    assert "tulip_ops" in modules
    packages = {name.partition(".")[0] for name in modules}
    assert packages - sys.stdlib_module_names == {"tulip_ops"}


def test_the_public_names_are_there() -> None:
    for name in tulip_ops.__all__:
        assert getattr(tulip_ops, name).__doc__
