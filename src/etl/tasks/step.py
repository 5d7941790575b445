"""A pipeline step as a Prefect task: its name, its retries, its arrow in the graph, its asset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect import assets
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import AssetContext
from prefect.tasks import MaterializingTask, Task, exponential_backoff
from prefect.utilities.annotations import opaque, quote

from etl import lineage
from etl.failures import naming_step
from etl.model import Contract
from etl.passing import may_pass
from etl.run import Run
from etl.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")
Making = Callable[[Contract, Settings], lineage.Made]


def step(name: str, *, makes: Making | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A pipeline step as a task. Every step replaces its own output, so a retry is safe.

    In the graph its one arrow comes from the last result that it is given: what it needs of
    earlier steps is no arrow of its own. The results are not searched for others, which would
    also take time.

    Args:
        makes: The asset that the step makes. Its first argument is the run then.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        named = naming_step(name)(function)

        @wraps(function)
        def call(*given: P.args, **more: P.kwargs) -> R:
            this: Any = _make_task(named, _task_run_name(name, given, more), name, makes, given)
            results = [each for each in given if each is not None]
            result: R = this(
                *map(quote, given), **more, wait_for=[opaque(each) for each in results[-1:]]
            )
            return result

        return call

    return decorate


def after(result: object, flow: Callable[P, R]) -> Callable[P, R]:
    """A flow as a part of the one that calls it, with its arrow from a step's result."""

    @wraps(flow)
    def call(*given: P.args, **more: P.kwargs) -> R:
        part: Any = flow
        made: R = part(*given, **more, wait_for=[opaque(result)])
        return made

    return call


def _make_task(
    function: Callable[P, R],
    run_name: str,
    name: str,
    makes: Making | None,
    given: Sequence[object],
) -> Task[P, R]:
    options: dict[str, Any] = {
        "name": name,
        "task_run_name": run_name,
        "retries": 2,
        "retry_delay_seconds": exponential_backoff(backoff_factor=2),
        "retry_jitter_factor": 0.5,
        "retry_condition_fn": _may_pass,
        "cache_policy": NO_CACHE,
        "persist_result": False,
    }
    if makes is None:
        return Task(function, **options)
    run = given[0]
    assert isinstance(run, Run)
    made = makes(run.contract, run.settings)
    return MaterializingTask(
        function,
        assets=[_asset(made.asset)],
        materialized_by=made.made_by or None,
        asset_deps=[_asset(each) for each in made.sources],
        **options,
    )


async def _may_pass(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Whether a failure is AWS's or the network's, and may be gone on the next try."""
    error = await state.aresult(raise_on_failure=False)
    return may_pass(error)


def _task_run_name(name: str, given: Sequence[object], more: Mapping[str, object]) -> str:
    """The step, the dataset, the run date, as far as there are such."""
    first = given[0] if given else None
    words = [more.get("dataset"), more.get("run_date") or getattr(first, "run_date", None)]
    if isinstance(first, Run):
        words = [first.contract.dataset, first.run_date]
    return " ".join([name, *(str(each) for each in words if each)])


def _asset(asset: lineage.Asset) -> assets.Asset:
    properties = assets.AssetProperties(
        name=asset.name, description=asset.description[: assets.core.MAX_ASSET_DESCRIPTION_LENGTH]
    )
    return assets.Asset(key=asset.key, properties=properties)


def note_made(**figures: Any) -> None:
    """Let the event of the asset that this step makes carry these figures."""
    context = AssetContext.get()
    for each in context.downstream_assets if context else ():
        each.add_metadata(figures)
