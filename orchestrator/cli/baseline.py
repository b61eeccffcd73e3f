"""`dynofarm baseline …`: runs under a name, for later ones to be compared with."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.completion import device_names, model_names, sweep_numbers
from orchestrator.cli.context import open_results, open_store, print_json, say, say_next, settings_of
from orchestrator.cli.options import Json

if TYPE_CHECKING:
    from orchestrator.comparing.baselines import Choice
    from orchestrator.store import Store

REFUSED_SHOWN = 10

Name = Annotated[str, typer.Argument(metavar="NAME", help="The baseline's name.")]
Devices = Annotated[
    list[str] | None,
    typer.Option("--device", metavar="PATTERN", help="Only these boards; again for more.", autocompletion=device_names),
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        name="baseline",
        help="Runs under a name, for later ones to be compared with.",
        epilog="Example: dynofarm baseline set main nightly, later: dynofarm compare main",
        no_args_is_help=True,
    )
    group.command("set", epilog="Example: dynofarm baseline set main nightly --device kitchen")(set_baseline)
    group.command("list", epilog="Example: dynofarm baseline list --json")(list_baselines)
    group.command(epilog="Example: dynofarm baseline show main")(show)
    group.command(epilog="Example: dynofarm baseline remove main --device kitchen")(remove)
    app.add_typer(group)


def set_baseline(
    context: typer.Context,
    name: Name,
    sweep: Annotated[
        str,
        typer.Argument(metavar="SWEEP", help="A number, a name, or last.", autocompletion=sweep_numbers),
    ] = "last",
    device: Devices = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Only these models; again for more.", autocompletion=model_names),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also cases whose runs are suspect.")] = False,
    as_json: Json = False,
) -> None:
    """Let the trusted runs of a sweep stand for their cases. Cases that it does not have keep what they had."""
    from orchestrator.comparing.baselines import check_name, choose
    from orchestrator.comparing.selectors import Selector
    from orchestrator.errors import UsageError
    from orchestrator.records import RunFilter
    from orchestrator.report.baselines import choice_lines

    check_name(name)
    wanted = RunFilter(devices=tuple(device or ()), models=tuple(model or ()))
    farm = settings_of(context).find_farm()
    with open_results(farm) as reader:
        choice = choose(reader.runs_of_side(Selector(sweep, wanted, sweeps=(sweep,))), force=force)
    _check(choice, sweep, force=force)
    if not choice.kept:
        raise UsageError(f"sweep {sweep} has no measured run of these", "see what there is: dynofarm results")
    with open_store(farm) as store:
        replaced = store.set_baseline(name, {run.job_id: run.job_id in choice.forced for run in choice.kept})
    if as_json:
        told = {"name": name, "runs": len(choice.kept), "forced": len(choice.forced), "replaced": replaced}
        print_json(told | {"left_out": choice.left_out})
        return
    for line in choice_lines(name, choice, replaced):
        say(line)
    say_next(f"dynofarm run …, and after that: dynofarm compare {name}")


def _check(choice: "Choice", sweep: str, *, force: bool) -> None:
    """A baseline that is suspect itself would find fault with all that comes after it."""
    from orchestrator.errors import UsageError
    from orchestrator.report.baselines import refused_text

    if not choice.refused:
        return
    lines = [refused_text(runs) for runs in choice.refused[:REFUSED_SHOWN]]
    more = len(choice.refused) - len(lines)
    lines += [f"and {more} more"] if more else []
    raise UsageError(
        "these cases have too few trusted runs for a baseline, so nothing was set:\n" + "\n".join(lines),
        "invalid runs are never taken: name the boards or models that are well with --device, --model"
        if force
        else f"measure them again; what disturbed them: dynofarm results --sweep {sweep} --each-run --verdict "
        "suspect,invalid; or take them all the same: --force",
    )


def list_baselines(context: typer.Context, as_json: Json = False) -> None:
    """List the baselines: which boards, cases and sweeps are in each."""
    from orchestrator.report.baselines import baseline_values, baselines_table

    with open_store(settings_of(context).find_farm()) as store:
        records = store.baselines()
    if as_json:
        print_json([baseline_values(one) for one in records])
    elif records:
        baselines_table(records)
    else:
        say("there is no baseline yet; next: dynofarm baseline set NAME SWEEP")


def show(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show the cases of a baseline, and which runs stand for them."""
    from orchestrator.comparing.baselines import cases_of
    from orchestrator.report.baselines import baseline_case_values, baseline_cases_table

    with open_store(settings_of(context).find_farm()) as store:
        cases = cases_of(store.baseline_runs(name))
    if as_json:
        print_json([baseline_case_values(case) for case in cases])
    else:
        baseline_cases_table(cases)


def remove(context: typer.Context, name: Name, device: Devices = None, as_json: Json = False) -> None:
    """Forget a baseline, or what it has of some boards. The runs themselves stay."""
    from orchestrator.report.words import count_text

    with open_store(settings_of(context).find_farm()) as store:
        gone = store.remove_baseline(name, _devices(store, name, device) if device else None)
    if as_json:
        print_json({"name": name, "runs": gone})
        return
    say(f"baseline {name}: {count_text(gone, 'run')} forgotten; the runs themselves are kept")


def _devices(store: "Store", name: str, patterns: list[str]) -> list[str]:
    """The boards of a baseline that the patterns mean; `UnknownName` where they mean none."""
    from fnmatch import fnmatchcase

    from orchestrator.errors import UnknownName

    known = sorted({run.fingerprint.device for run in store.baseline_runs(name)})
    found = [device for device in known if any(fnmatchcase(device, pattern) for pattern in patterns)]
    if not found:
        raise UnknownName(
            f"baseline {name} has no board {', '.join(patterns)}; it has: {', '.join(known)}",
            f"dynofarm baseline show {name}",
        )
    return found
