"""What people see: phases with their time, one line per acquisition."""

import io

from tulip_ops.services.dag_runs import AcquisitionRun
from tulip_ops.services.progress import Board, Report

FIRST, SECOND = "SIM_31UFU_20240402_0_L2A", "SIM_31UFU_20240407_0_L2A"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def at(acquisition_id: str, state: str, step: str = "screen") -> AcquisitionRun:
    return AcquisitionRun(acquisition_id, "run", state, step, 12.4, None)


def test_a_plain_output_gets_one_line_when_an_acquisition_ends() -> None:
    out = io.StringIO()
    board = Board(2, out)
    board.show({FIRST: at(FIRST, "running")})
    assert out.getvalue() == ""
    for _ in range(2):
        board.show({FIRST: at(FIRST, "skipped"), SECOND: at(SECOND, "running")})
    board.show({FIRST: at(FIRST, "skipped"), SECOND: at(SECOND, "failed", "acquire")})
    first, second = out.getvalue().splitlines()
    assert first.split() == ["1/2", FIRST, "skipped", "at", "screen", "12", "s"]
    assert second.split() == ["2/2", SECOND, "FAILED", "at", "acquire", "12", "s"]


def test_a_terminal_shows_what_moves_and_replaces_it() -> None:
    out = Terminal()
    board = Board(3, out)
    board.show({FIRST: at(FIRST, "running"), SECOND: at(SECOND, "queued", "")})
    shown = out.getvalue().splitlines()
    assert shown[0].split()[:2] == [FIRST, "screen"]
    assert shown[1].strip() == "2 more wait"

    board.show({FIRST: at(FIRST, "recorded", "record"), SECOND: at(SECOND, "running")})
    added = out.getvalue()[len("\n".join(shown)) + 1 :]
    assert added.startswith("\x1b[2A\x1b[J"), "the two moving lines are taken back"
    assert [text.split()[0] for text in added[7:].splitlines()] == ["1/3", SECOND, "1"]


def test_phases_are_timed_and_summed() -> None:
    out = io.StringIO()
    report = Report(out)
    report.seconds["environment"] = 30.0
    with report.phase("PostGIS"):
        report.detail("ready")
    names = [line.rsplit(maxsplit=2)[0].strip() for line in report.times().splitlines()]
    assert names == ["environment", "PostGIS", "all together"]
    assert 30.0 <= float(report.times().split()[-2]) < 31.0
    assert out.getvalue() == "\n== PostGIS\n   ready\n"
