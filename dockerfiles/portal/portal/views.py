"""Pages of the service."""

import secrets

from flask import Blueprint, abort, current_app, flash, jsonify, redirect, render_template, request, session, url_for

from .store import ROLES, DuplicateUser, StoreUnavailable, checked_user

pages = Blueprint("pages", __name__)


def _store():
    return current_app.extensions["store"]


def _cache():
    return current_app.extensions["cache"]


def _form_token():
    return session.setdefault("form_token", secrets.token_hex(16))


def _check_form_token():
    if not secrets.compare_digest(request.form.get("form_token", ""), _form_token()):
        abort(400, "This form is out of date; go back and load the page again.")


@pages.app_context_processor
def page_values():
    return {"form_token": _form_token, "site_name": current_app.config["SITE_NAME"], "roles": ROLES}


@pages.get("/")
def index():
    users, problem = _cache().users(), None
    cached = users is not None
    if not cached:
        try:
            users = _store().list()
            _cache().keep_users(users)
        except StoreUnavailable as error:
            users, problem = [], str(error)
    return render_template("index.html", users=users, cached=cached, problem=problem)


@pages.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "GET":
        return render_template("login.html")
    _check_form_token()
    try:
        user = _store().find(request.form.get("email", ""))
    except StoreUnavailable as error:
        return render_template("login.html", problem=f"Nobody can log in now: {error}."), 503
    if user is None or not user.has_password(request.form.get("password", "")):
        return render_template("login.html", problem="No such user, or wrong password."), 401
    session.clear()
    session.update(email=user.email, role=user.role)
    return redirect(url_for("pages.index"))


@pages.post("/logout")
def logout():
    _check_form_token()
    session.clear()
    return redirect(url_for("pages.index"))


@pages.post("/users")
def add_user():
    if session.get("role") != "admin":
        abort(403, "Only an admin adds users.")
    _check_form_token()
    try:
        user = checked_user(request.form.get("email", ""), request.form.get("password", ""), request.form.get("role", ""))
        _store().add(user)
    except ValueError as error:
        flash(f"Not added: {error}.")
    except DuplicateUser:
        flash("Not added: there is a user with that address.")
    except StoreUnavailable as error:
        flash(f"Not added: {error}.")
    else:
        _cache().forget_users()
        _cache().queue("user-added", user.email)
        flash(f"Added {user.email}.")
    return redirect(url_for("pages.index"))


@pages.get("/healthcheck")
def healthcheck():
    """200 while everything that is configured answers, else 503; the body says which part does not."""
    state = {"web": "ok", "database": "not configured", "cache": "not configured"}
    if _store().configured:
        try:
            _store().ping()
            state["database"] = "ok"
        except StoreUnavailable as error:
            state["database"] = str(error)
    if _cache().configured:
        state["cache"] = "ok" if _cache().ping() else "does not answer"
    healthy = all(value in ("ok", "not configured") for value in state.values())
    return jsonify(state), 200 if healthy else 503
