"""What a contract may say of an API, as the source's options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from etl.errors import ContractError
from etl.sources.options import read_options


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to go on trying, and how often to ask.

    Attributes:
        attempts: Requests for one page, the first included.
        backoff_seconds: Upper bound of the first wait; it doubles with each failure. The wait is
            drawn evenly between 0 and the bound ("full jitter").
        longest_wait_seconds: Upper bound of any wait, one that the API asks for included.
        deadline_minutes: For the whole extraction.
        requests_per_second: At most so many requests, retries included.
    """

    attempts: int = 6
    backoff_seconds: float = 0.5
    longest_wait_seconds: float = 60
    deadline_minutes: float = 120
    connect_seconds: float = 10
    read_seconds: float = 60
    requests_per_second: float | None = None


@dataclass(frozen=True, kw_only=True)
class Access:
    """How the API knows who asks. What only they may know stands in Secrets Manager.

    Attributes:
        auth: "bearer", "header" and "query" send a token: as `Authorization: Bearer …`, in a
            header or in a query parameter of the API's own. "basic" sends a user name and a
            password. "oauth2" sends a bearer token that `token_url` gives for a client's id and
            secret (RFC 6749, client credentials).
        secret: The secret's name or ARN.
        token_field: The secret's field that holds the token; None where the secret is no JSON
            object but the token alone.
        auth_header, auth_param: The names for "header" and "query".
        scope: What "oauth2" asks for.
    """

    auth: Literal["none", "bearer", "basic", "header", "query", "oauth2"] = "none"
    secret: str | None = None
    token_field: str | None = None
    username_field: str = "username"
    password_field: str = "password"
    client_id_field: str = "client_id"
    client_secret_field: str = "client_secret"
    auth_header: str = "X-API-Key"
    auth_param: str = "api_key"
    token_url: str | None = None
    scope: str | None = None


@dataclass(frozen=True, kw_only=True)
class Paging:
    """How pages follow each other, and where things stand in them.

    Attributes:
        page_style: "cursor": each page names the next. "offset": records from a position on.
            "page": numbered pages. "link": the Link header's rel="next" (RFC 8288).
        page_size: Records to ask for; an API may send fewer.
        data_field: Where a page's records stand; "" where the page is just an array of them.
        cursor_field, total_field: Where the next cursor and the number of all records stand;
            `meta.total` stands in the object `meta`.
        date_param, page_size_param: Names of query parameters; "" leaves one out.
        first_page: The number of the first page.
        params: Further query parameters, the same on every page.
        page_limit_mib: A larger page is refused.
    """

    page_style: Literal["cursor", "offset", "page", "link"] = "cursor"
    page_size: int = 500
    data_field: str = "data"
    cursor_field: str = "next_cursor"
    total_field: str | None = None
    date_param: str = "date"
    page_size_param: str = "page_size"
    cursor_param: str = "cursor"
    offset_param: str = "offset"
    page_param: str = "page"
    first_page: Literal[0, 1] = 1
    params: dict[str, str] = field(default_factory=dict)
    page_limit_mib: int = 64


@dataclass(frozen=True, kw_only=True)
class ApiOptions(Patience, Access, Paging):
    """All of them."""


def read_api_options(given: dict[str, Any], *, where: str) -> ApiOptions:
    """The options of the source at `where`.

    Raises:
        ContractError: An option is unknown, has the wrong type, or lacks another.
    """
    options = read_options(ApiOptions, given, where=where)
    if (options.auth == "none") != (options.secret is None):
        lacking = "auth" if options.secret else "secret"
    elif options.auth == "oauth2" and options.token_url is None:
        lacking = "tokenUrl"
    else:
        return options
    raise ContractError(
        f"the source {where} has auth: {options.auth} and no {lacking}",
        fix=f"add - property: {lacking} to the source's customProperties",
    )
