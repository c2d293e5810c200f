"""`tulip doctor` and `tulip settings`: is everything there, and how is it set?"""

from __future__ import annotations

import click
from pydantic import SecretStr

from tulip_ops.cli.options import FAILED, as_json, show
from tulip_ops.core.settings import Settings, variables


@click.command()
@as_json
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check database, store, every source, areas, models and Airflow, with remedies."""
    from tulip_ops.services.doctor import examine

    checks = list(examine(Settings.load()))
    width = max(len(check.name) for check in checks)
    lines = [
        f"{'ok' if check.ok else 'BAD':4} {check.name:{width}} {check.found}"
        + (f"\n{'':{width + 6}}to do: {check.remedy}" if check.remedy else "")
        for check in checks
    ]
    show(
        as_json,
        "\n".join(lines),
        checks=[{"name": c.name, "ok": c.ok, "found": c.found, "remedy": c.remedy} for c in checks],
    )
    if not all(check.ok for check in checks):
        ctx.exit(FAILED)


@click.command()
@as_json
def settings(as_json: bool) -> None:
    """List every setting: its variable, its value now, what it means. Secrets stay hidden."""
    now = Settings.load()
    rows = {
        variable.name: (now.value(variable), variable.info.description or "")
        for variable in variables()
    }
    lines = [f"{name}={_value(value)}\n    {meaning}" for name, (value, meaning) in rows.items()]
    show(
        as_json,
        "\n".join(lines),
        **{name: _value(value) for name, (value, _) in rows.items()},
    )


def _value(value: object) -> str:
    if isinstance(value, SecretStr):
        return "(set, hidden)"
    return "" if value is None else str(value)
