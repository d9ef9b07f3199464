"""Puts the dashboard's server together: pages, API and Optuna's dashboard over one database, and who may see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dashboards.api.app import make_api
from dashboards.api.resources import Resources
from dashboards.pages.app import make_pages
from dashboards.pages.services import PageServices
from dashboards.server.access import PREFIX, Access, Token
from dashboards.server.composition import API_PREFIX, compose
from dashboards.server.hosts import AllowedHosts, is_loopback, shown_host
from dashboards.server.optuna_app import make_optuna_app
from search.bootstrap import Memory
from search.dashboard_exports import ExportSettings, SubprocessExports
from search.sampling import open_optuna_storage

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardOptions:
    """What `dashboard` was given.

    Attributes:
        storage: database URL or SQLite path.
        host: to listen on.
        allowed_hosts: further names that the server is called by.
        proxy_header: header of a proxy that knows who asks; None without one.
        allow_edit: whether the Optuna dashboard may change studies.
        data_dir: where exports look for data sets first.
    """

    storage: str
    host: str
    allowed_hosts: Sequence[str]
    proxy_header: str | None
    allow_edit: bool
    data_dir: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A server that is ready to answer.

    Attributes:
        address: of the server, with a slash at the end.
        query: what the address needs behind it when it is opened first.
        exports: to be closed when the server ends.
    """

    application: "WSGIApplication"
    address: str
    query: str
    exports: SubprocessExports


def make_access(options: DashboardOptions, *, port: int) -> Access:
    """Return the rules: strangers need a new token, unless a proxy vouches for them.

    Raises:
        SpecError: the proxy's header is none.
    """
    is_open = is_loopback(options.host) or options.proxy_header is not None
    return Access(
        hosts=AllowedHosts.of(options.host, options.allowed_hosts),
        token=None if is_open else Token.generate(),
        proxy_header=options.proxy_header,
        may_edit=options.allow_edit,
        cookie_name=f"cosearch-token-{port}",
    )


def make_dashboard(memory: Memory, options: DashboardOptions, *, port: int) -> Dashboard:
    """Return the server over an opened database.

    Args:
        memory: the database.
        options: of the command.
        port: that is listened on.

    Raises:
        SpecError: the proxy's header is none.
        StorageError: Optuna's tables cannot be used.
    """
    access = make_access(options, port=port)
    exports = SubprocessExports(memory.repository, ExportSettings(storage=options.storage, data_dir=options.data_dir))
    services = PageServices(
        repository=memory.repository,
        audits=memory.audits,
        workers=memory.workers,
        rungs=memory.rungs,
        refinements=memory.refinements,
        exports=exports,
        prefix=PREFIX,
        references=memory.references,
    )
    resources = Resources(
        repository=memory.repository,
        audits=memory.audits,
        workers=memory.workers,
        rungs=memory.rungs,
        refinements=memory.refinements,
        references=memory.references,
    )
    application = compose(
        pages=make_pages(services),
        api=make_api(resources, prefix=API_PREFIX),
        optuna=make_optuna_app(open_optuna_storage(memory.url)),
        access=access,
    )
    return Dashboard(
        application=application,
        address=f"http://{shown_host(options.host)}:{port}/",
        query="" if access.token is None else f"?token={access.token.value}",
        exports=exports,
    )
