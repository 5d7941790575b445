"""Who may log in: users with a password, and temporary credentials of IAM identities."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg2
import psycopg2.errors

from local_cloud.redshift.errors import SqlError
from local_cloud.redshift.identity import DatabaseUser
from local_cloud.redshift.lexer import quote
from local_cloud.redshift.postgres import ADMIN, Postgres

MIN_SECONDS, MAX_SECONDS = 900, 3600  # how long temporary credentials may last
_FAILED = "28000"


@dataclass(frozen=True)
class Temporary:
    """Credentials that expire.

    Attributes:
        role: The database user that they act as.
        roles: The database roles that it is granted; those that are not there are left out.
        database: The only one they are good for; "" for any.
    """

    user: str
    password: str
    role: str
    expires: datetime
    database: str = ""
    create_role: bool = False
    roles: tuple[str, ...] = ()


class Credentials:
    """Checks the passwords of those who log in.

    Args:
        masters: Names and passwords of the administrators that clusters and namespaces have.
    """

    def __init__(
        self, postgres: Postgres, masters: Callable[[], Iterable[tuple[str, str]]]
    ) -> None:
        self._postgres = postgres
        self._masters = masters
        self._temporary: dict[tuple[str, str], Temporary] = {}
        self._lock = threading.Lock()

    def issue(
        self,
        user: str,
        *,
        role: str = ADMIN,
        seconds: float,
        database: str = "",
        create_role: bool = False,
        roles: tuple[str, ...] = (),
    ) -> Temporary:
        """New credentials of a user, beside those that it has."""
        issued = Temporary(
            user,
            secrets.token_urlsafe(48),
            role,
            datetime.now(UTC) + timedelta(seconds=seconds),
            database,
            create_role,
            roles,
        )
        with self._lock:
            now = datetime.now(UTC)
            self._temporary = {k: v for k, v in self._temporary.items() if v.expires > now}
            self._temporary[user, issued.password] = issued
        return issued

    def issue_to(self, user: DatabaseUser, *, seconds: float, database: str = "") -> Temporary:
        """New credentials of an IAM identity, whose first login makes its database user."""
        return self.issue(
            user.name,
            role=user.role,
            seconds=seconds,
            database=database,
            create_role=True,
            roles=user.roles,
        )

    def authenticate(self, user: str, password: str, database: str) -> str:
        """The role to act as.

        Raises:
            SqlError: They are wrong, expired, or for another database.
        """
        found = self._temporary.get((user, password))
        if found:
            if found.expires > datetime.now(UTC) and found.database in ("", database):
                return self._role(found)
        elif self._is_password_of(user, password):
            return user
        elif (user, password) in self._masters():
            return ADMIN
        raise SqlError(f'password authentication failed for user "{user}"', _FAILED)

    def _role(self, temporary: Temporary) -> str:
        with closing(self._postgres.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", (temporary.role,))
            name = quote(temporary.role)
            if not cursor.rowcount:
                if not temporary.create_role:
                    raise SqlError(f'user "{temporary.user}" does not exist', _FAILED)
                with suppress(psycopg2.errors.DuplicateObject):  # by a login at the same time
                    cursor.execute(f"CREATE ROLE {name} LOGIN")
                    cursor.execute(f"GRANT {name} TO {ADMIN}")  # who may do all on Redshift
            for role in temporary.roles:
                with suppress(psycopg2.errors.UndefinedObject):
                    cursor.execute(f"GRANT {quote(role)} TO {name}")
            return temporary.role

    def _is_password_of(self, user: str, password: str) -> bool:
        with closing(self._postgres.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT rolpassword FROM pg_authid WHERE rolname = %s AND rolcanlogin", (user,)
            )
            row = cursor.fetchone()
        return bool(row and row[0]) and _matches(row[0], password)


def _matches(verifier: str, password: str) -> bool:
    """Whether a password is the one of SCRAM-SHA-256$rounds:salt$stored:server (RFC 5803)."""
    _, rounds_and_salt, keys = verifier.split("$")
    rounds, salt = rounds_and_salt.split(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored = base64.b64decode(keys.split(":")[0])
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), stored)
