"""`full_pipeline.py --plan`: the plan as a table or as JSON."""

from __future__ import annotations

import argparse

from rich.console import Console, Group, RenderableType
from rich.text import Text

from etl.cli import run_command
from etl.environment import enter
from etl.planning.plan import Plan, plan_run
from etl.report_text import stage_table


def main(options: argparse.Namespace) -> int:
    """Show what the run with these options would do; the exit code."""

    def command() -> None:
        settings = enter(options.env, assume_role=False).with_choices(
            loader=options.loader, engine=options.engine
        )
        plan = plan_run(options.dataset, options.run_date, settings=settings, replay=options.replay)
        if options.json:
            print(plan.to_json())
        else:
            Console(highlight=False, soft_wrap=True).print(render(plan))

    return run_command(command, again="the same command", show_traceback=options.traceback)


def render(plan: Plan) -> RenderableType:
    """The plan as rich draws it."""
    title = Text.assemble(
        (f"{plan.dataset} {plan.run_date}", "bold"),
        f"  would run in {plan.environment}; nothing has been done",
    )
    costs = [stage.cost_usd for stage in plan.stages if stage.cost_usd is not None]
    parts: list[RenderableType] = ["", title, ""]
    parts += [Text(f"  {stage.name:<10}{stage.does}") for stage in plan.stages]
    if costs:
        parts += ["", stage_table(plan.stages)]
    parts += ["", f"figures  {plan.basis}"]
    if plan.engine:
        parts.append(f"engine   {plan.engine}")
    if costs:
        parts.append(
            f"cost     about ${sum(costs):.4f} on AWS, at list prices of {plan.prices_as_of}"
        )
    return Group(*parts)
