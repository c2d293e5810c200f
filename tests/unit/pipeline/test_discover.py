"""Days in disorder are refused before anything is asked."""

from datetime import UTC, date, datetime

import pytest
from click.testing import CliRunner

from tulip_ops.cli.main import main
from tulip_ops.core.errors import BadInput
from tulip_ops.core.settings import Settings
from tulip_ops.pipeline import discover


def test_a_first_day_after_the_last_is_refused() -> None:
    with pytest.raises(BadInput, match="2016-03-01 is later than the last day 2016-02-01"):
        discover.survey(
            Settings.load(),
            areas=[],
            sources=[],
            since=date(2016, 3, 1),
            until=date(2016, 2, 1),
            now=datetime.now(UTC),
        )


@pytest.mark.parametrize(
    "days", [["--since", "2016-03-01", "--until", "2016-02-01"], ["--since", "9999-12-31"]]
)
def test_the_command_refuses_it(days: list[str]) -> None:
    result = CliRunner().invoke(main, ["discover", *days])
    assert result.exit_code == 2
    assert "is later than the last day" in result.output


def test_no_look_back_leaves_the_calendar() -> None:
    result = CliRunner().invoke(main, ["discover", "--look-back", "10000000"])
    assert result.exit_code == 2
    assert "7300" in result.output
    early = CliRunner().invoke(main, ["discover", "--look-back", "7300", "--until", "0001-01-02"])
    assert not isinstance(early.exception, OverflowError)
