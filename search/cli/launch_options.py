"""Options of `launch` alone."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from search.cli.completion import complete_preset


class Engine(StrEnum):
    """What `--engine` takes."""

    LOCAL = "local"
    RAY = "ray"


class EarlyStoppingMode(StrEnum):
    """What `--early-stopping` takes."""

    OFF = "off"
    RUNGS = "rungs"
    WATCH = "watch"


StudyFileOption = Annotated[
    str, typer.Option("--study", help="A preset (digits, cifar) or a TOML file.", autocompletion=complete_preset)
]
TrialsOption = Annotated[int | None, typer.Option("--trials", min=2, help="Trials to train, baselines included.")]
WorkersOption = Annotated[
    int, typer.Option("--workers", min=1, help="Workers; on this machine processes, 1 works in this one.")
]
EngineOption = Annotated[
    Engine, typer.Option("--engine", help="Where the workers are: on this machine, or on a Ray cluster.")
]
AddressOption = Annotated[
    str | None,
    typer.Option("--address", help="The cluster: auto (default), HOST:PORT of its head or ray://HOST:PORT."),
]
CpusOption = Annotated[
    int | None,
    typer.Option("--cpus-per-worker", min=1, help="Processors of a worker on the cluster; 1 by default."),
]
GpusOption = Annotated[
    float | None,
    typer.Option("--gpus-per-worker", min=0, help="GPUs of a worker on the cluster, 0.25 shares one; none by default."),
]
DataOption = Annotated[
    str | None, typer.Option("--data", help="'synthetic' draws images for a dry run, in a study of its own name.")
]
ParentOption = Annotated[Path | None, typer.Option("--parent", help="Your own float model of the topology, .h5.")]
EarlyStoppingOption = Annotated[
    EarlyStoppingMode | None,
    typer.Option("--early-stopping", help="Stop trainings that fall behind at rungs; 'watch' only notes it."),
]
WarmStartOption = Annotated[
    str | None,
    typer.Option("--warm-start", metavar="STUDY", help="Try the best trials of this study of the database early."),
]
