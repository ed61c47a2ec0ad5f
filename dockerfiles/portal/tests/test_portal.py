"""Tests that need no database and no Redis: they run while the package is built."""

import re
import unittest

from portal import create_app
from portal.store import DuplicateUser, StoreUnavailable, checked_user


class MemoryStore:
    configured = True

    def __init__(self):
        self.users, self.applied, self.problem = {}, 0, None

    def ping(self):
        if self.problem:
            raise StoreUnavailable(self.problem)

    def sync(self):
        self.ping()
        self.applied += 1
        return ["0001-account"] if self.applied == 1 else []

    def list(self):
        self.ping()
        return [user._replace(password_hash="") for _, user in sorted(self.users.items())]

    def find(self, email):
        self.ping()
        return self.users.get(email)

    def add(self, user):
        if user.email in self.users:
            raise DuplicateUser(user.email)
        self.users[user.email] = user


class PortalTest(unittest.TestCase):
    def setUp(self):
        self.store = MemoryStore()
        self.app = create_app(store=self.store, environ={})
        self.client = self.app.test_client()

    def post(self, path, **form):
        page = self.client.get("/login").text
        token = re.search(r'name="form_token" value="(\w+)"', page)[1]
        return self.client.post(path, data={"form_token": token, **form})

    def flask(self, *args):
        return self.app.test_cli_runner().invoke(args=args)

    def test_the_page_lists_the_users(self):
        self.store.add(checked_user("Ada@Example.org", "correct horse", "admin"))
        self.assertIn("ada@example.org", self.client.get("/").text)

    def test_the_page_is_served_while_the_database_is_away_and_says_so(self):
        self.store.problem = "the database does not answer yet"
        page = self.client.get("/")
        self.assertEqual(page.status_code, 200)
        self.assertIn("the database does not answer yet", page.text)

    def test_no_database_configured_is_said_too(self):
        client = create_app(environ={}).test_client()
        self.assertIn("no database is configured", client.get("/").text)
        self.assertEqual(client.get("/healthcheck").status_code, 200)

    def test_health_follows_the_database(self):
        self.assertEqual(self.client.get("/healthcheck").json["database"], "ok")
        self.store.problem = "the database does not answer yet"
        self.assertEqual(self.client.get("/healthcheck").status_code, 503)

    def test_a_password_is_kept_hashed_only(self):
        user = checked_user("a@b.org", "correct horse", "staff")
        self.assertNotIn("correct horse", user.password_hash)
        self.assertTrue(user.has_password("correct horse"))
        self.assertFalse(user.has_password("wrong horse"))

    def test_bad_input_is_refused(self):
        for email, password, role in (("a@b.org", "short", "staff"), ("nobody", "long enough", "staff"), ("a@b.org", "long enough", "root")):
            with self.subTest(email=email, role=role), self.assertRaises(ValueError):
                checked_user(email, password, role)

    def test_an_admin_logs_in_and_adds_a_user(self):
        self.store.add(checked_user("ada@example.org", "correct horse", "admin"))
        self.assertEqual(self.post("/login", email="ada@example.org", password="wrong").status_code, 401)
        self.assertEqual(self.post("/login", email="ada@example.org", password="correct horse").status_code, 302)
        self.post("/users", email="bob@example.org", password="long enough", role="patient")
        self.assertIn("bob@example.org", self.client.get("/").text)
        self.post("/users", email="bob@example.org", password="long enough", role="patient")
        self.assertIn("there is a user with that address", self.client.get("/").text)

    def test_only_an_admin_adds_users(self):
        self.assertEqual(self.post("/users", email="eve@example.org", password="long enough", role="admin").status_code, 403)

    def test_a_form_without_its_token_is_refused(self):
        self.assertEqual(self.client.post("/login", data={"email": "a@b.org", "password": "x"}).status_code, 400)

    def test_commands(self):
        self.assertIn("0001-account", self.flask("sync").output)
        self.assertIn("up to date", self.flask("sync").output)
        added = ("add-user", "--email", "a@b.org", "--password", "long enough", "--role", "admin")
        self.assertEqual(self.flask(*added).exit_code, 0)
        self.assertIn("already", self.flask(*added).output)
        self.store.problem = "the database does not answer yet"
        self.assertEqual(self.flask("sync", "--wait", "0.1").exit_code, 1)


if __name__ == "__main__":
    unittest.main()
