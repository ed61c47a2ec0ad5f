"""Users in PostgreSQL. Connection settings are those of libpq: PGHOST, PGDATABASE, PGUSER, PGPASSWORD, ..."""

from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg2
from psycopg2 import errors
from werkzeug.security import check_password_hash, generate_password_hash

MIGRATIONS = Path(__file__).with_name("migrations")
ROLES = ("admin", "staff", "patient")
# Any number that nothing else in the database locks.
SYNC_LOCK = 8008


class StoreUnavailable(Exception):
    """The database cannot be used now; the text says why and is fit for a page."""


class DuplicateUser(Exception):
    pass


class User(NamedTuple):
    email: str
    role: str
    password_hash: str = ""

    def has_password(self, password):
        return bool(self.password_hash) and check_password_hash(self.password_hash, password)


def checked_user(email, password, role):
    """A user with a hashed password. Raises ValueError with what is wrong with the input."""
    email = email.strip().lower()
    name, at, domain = email.partition("@")
    if not (name and at and domain) or any(c.isspace() for c in email):
        raise ValueError(f"not an e-mail address: {email!r}")
    if len(password) < 8:
        raise ValueError("a password has at least 8 characters")
    if role not in ROLES:
        raise ValueError(f"no such role: {role!r} (one of {', '.join(ROLES)})")
    return User(email, role, generate_password_hash(password))


class PostgresStore:
    def __init__(self, environ):
        self.configured = any(environ.get(name) for name in ("PGHOST", "PGSERVICE", "PGDATABASE"))

    @contextmanager
    def _cursor(self):
        if not self.configured:
            raise StoreUnavailable("no database is configured")
        try:
            with closing(psycopg2.connect("", connect_timeout=3)) as connection, connection, connection.cursor() as cursor:
                yield cursor
        except errors.UndefinedTable as error:
            raise StoreUnavailable("the database has no tables yet; run flask sync") from error
        except psycopg2.OperationalError as error:
            raise StoreUnavailable("the database does not answer yet") from error

    def ping(self):
        with self._cursor() as cursor:
            cursor.execute("SELECT 1")

    def sync(self):
        """Applies the migrations that are missing, in order; returns their names. Several instances may do it at once."""
        applied = []
        with self._cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (SYNC_LOCK,))
            cursor.execute("CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, applied timestamptz DEFAULT now())")
            cursor.execute("SELECT name FROM migration")
            done = {name for (name,) in cursor.fetchall()}
            for path in sorted(MIGRATIONS.glob("*.sql")):
                if path.stem in done:
                    continue
                cursor.execute(path.read_text(encoding="utf-8"))
                cursor.execute("INSERT INTO migration (name) VALUES (%s)", (path.stem,))
                applied.append(path.stem)
        return applied

    def list(self):
        with self._cursor() as cursor:
            cursor.execute("SELECT email, role FROM account ORDER BY email")
            return [User(*row) for row in cursor.fetchall()]

    def find(self, email):
        with self._cursor() as cursor:
            cursor.execute("SELECT email, role, password_hash FROM account WHERE email = %s", (email.strip().lower(),))
            row = cursor.fetchone()
            return User(*row) if row else None

    def add(self, user):
        try:
            with self._cursor() as cursor:
                cursor.execute("INSERT INTO account (email, role, password_hash) VALUES (%s, %s, %s)", user)
        except errors.UniqueViolation as error:
            raise DuplicateUser(user.email) from error

    def record(self, event, subject):
        with self._cursor() as cursor:
            cursor.execute("INSERT INTO event (name, subject) VALUES (%s, %s)", (event, subject))
