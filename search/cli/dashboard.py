"""`dashboard`: our pages, the JSON API and the Optuna dashboard in the browser, from one process."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from search.cli.consoles import write_json
from search.cli.interrupt import EXIT_INTERRUPTED
from search.cli.options import DEFAULT_STORAGE, DataDirOption, JsonOption, StorageOption

if TYPE_CHECKING:
    from search.dashboard_setup import Dashboard


def dashboard(
    storage: StorageOption = DEFAULT_STORAGE,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8080,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; one that others can reach asks for a token.")
    ] = "127.0.0.1",
    allowed_host: Annotated[
        list[str] | None,
        typer.Option("--allowed-host", help="A further name that this server goes by; may be given several times."),
    ] = None,
    trusted_proxy_header: Annotated[
        str | None,
        typer.Option("--trusted-proxy-header", help="In place of a token: a header that your proxy sets for users."),
    ] = None,
    allow_edit: Annotated[
        bool, typer.Option("--allow-edit", help="Let the Optuna dashboard rename, change and delete studies.")
    ] = False,
    threads: Annotated[int, typer.Option("--threads", min=1, max=64, help="Requests answered at once.")] = 8,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the studies of a database in the browser until Ctrl-C."""
    from dashboards.server.serving import bind, serve
    from search.cli.stop_signals import sigterm_as_ctrl_c

    # The addresses are what was asked for: with --quiet too.
    console = Console(highlight=False, markup=False, soft_wrap=True, stderr=as_json)
    with sigterm_as_ctrl_c(), bind(host, port) as listener:
        with console.status("opening the database"):
            from search.bootstrap import create_memory
            from search.dashboard_setup import DashboardOptions, make_dashboard
            from storage.sql import is_missing, masked, normalize_url

            url = normalize_url(storage)
            is_new = is_missing(url)
            options = DashboardOptions(
                storage=storage,
                host=host,
                allowed_hosts=allowed_host or (),
                proxy_header=trusted_proxy_header,
                allow_edit=allow_edit,
                data_dir=data_dir,
            )
            made = make_dashboard(create_memory(storage), options, port=listener.getsockname()[1])
        if is_new:
            console.print(f"made the empty database {masked(url)}; `launch` fills it")
        _print_addresses(console, made, as_json=as_json)
        console.print("Ctrl-C ends it")
        with suppress(KeyboardInterrupt):
            serve(made.application, listener, threads=threads)
        made.exports.close()
    raise typer.Exit(EXIT_INTERRUPTED)


def _print_addresses(console: Console, made: "Dashboard", *, as_json: bool) -> None:
    addresses = {
        "pages": f"{made.address}cosearch/{made.query}",
        "Optuna": f"{made.address}{made.query}",
        "API": f"{made.address}cosearch/api/openapi.json",
    }
    if as_json:
        write_json({name.lower(): address for name, address in addresses.items()})
        return
    for name, address in addresses.items():
        console.print(f"{name:<8}{address}")
