"""A small registry of users: PostgreSQL keeps them, Redis caches the list and carries jobs to a worker."""

import os
import secrets

from flask import Flask

from . import cli, views
from .cache import Cache
from .store import PostgresStore


def create_app(store=None, cache=None, environ=os.environ):
    """The WSGI application; tests hand in a store and a cache of their own."""
    app = Flask(__name__)
    # Without a key of its own an instance makes one, and sessions end when it restarts.
    app.secret_key = environ.get("SECRET_KEY") or secrets.token_hex(32)
    app.config.update(
        PORT=int(environ.get("PORT") or "8008"),
        SITE_NAME=environ.get("SITE_NAME") or "Portal",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.extensions["store"] = store or PostgresStore(environ)
    app.extensions["cache"] = cache or Cache(environ.get("REDIS_URL"))
    app.register_blueprint(views.pages)
    cli.register(app)
    return app
