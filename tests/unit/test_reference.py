import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent.parent / "scripts" / "reference.py"


def test_the_pages_say_what_the_code_says() -> None:
    # In a process of its own: click keeps what earlier tests asked of a command.
    done = subprocess.run(
        [sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "current"), done.stdout + done.stderr
