"""Commands of `flask`, for those who run the service."""

import time
import urllib.error
import urllib.request

import click

from .store import ROLES, DuplicateUser, StoreUnavailable, checked_user


def register(app):
    store, cache = app.extensions["store"], app.extensions["cache"]

    @app.cli.command()
    @click.option("--wait", type=float, default=0, metavar="SECONDS", help="how long to wait for the database")
    def sync(wait):
        """Create or migrate the tables."""
        deadline = time.monotonic() + wait
        while True:
            try:
                applied = store.sync()
                break
            except StoreUnavailable as error:
                if time.monotonic() >= deadline:
                    raise click.ClickException(str(error)) from error
            time.sleep(0.5)
        cache.forget_users()
        click.echo(f"applied: {', '.join(applied)}" if applied else "the tables are up to date")

    @app.cli.command("add-user")
    @click.option("--email", required=True)
    @click.option("--password", required=True, prompt=True, hide_input=True, confirmation_prompt=True)
    @click.option("--role", type=click.Choice(ROLES), default="patient", show_default=True)
    def add_user(email, password, role):
        """Add a user."""
        try:
            user = checked_user(email, password, role)
            store.add(user)
        except (ValueError, StoreUnavailable) as error:
            raise click.ClickException(str(error)) from error
        except DuplicateUser as error:
            raise click.ClickException(f"there is a user {error} already") from error
        cache.forget_users()
        cache.queue("user-added", user.email)
        click.echo(f"added {user.email} ({user.role})")

    @app.cli.command()
    def healthcheck():
        """Ask the running service whether it is well."""
        url = f"http://127.0.0.1:{app.config['PORT']}/healthcheck"
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                click.echo(response.read().decode().strip())
        except urllib.error.HTTPError as error:
            raise click.ClickException(error.read().decode().strip()) from error
        except OSError as error:
            raise click.ClickException(f"the service does not answer: {error}") from error

    @app.cli.command()
    @click.option("--once", is_flag=True, help="end when the queue is empty")
    def worker(once):
        """Record what happened, job by job."""
        while True:
            job = cache.next_job(1 if once else 5)
            if job is not None:
                store.record(*job)
                click.echo(f"recorded {job[0]} {job[1]}")
            elif once:
                return
            elif not cache.ping():
                time.sleep(2)
