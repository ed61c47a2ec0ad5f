"""The list of users and the job queue in Redis. The service works without it, only slower and without a worker."""

import json

import redis

from .store import User

USERS = "portal:users"
JOBS = "portal:jobs"
# Seconds that a list may be out of date where another program changed the table.
LIFETIME = 60


class Cache:
    def __init__(self, url):
        self._redis = redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=10) if url else None

    @property
    def configured(self):
        return self._redis is not None

    def _try(self, command, *args, **kwargs):
        if self._redis is None:
            return None
        try:
            return getattr(self._redis, command)(*args, **kwargs)
        except redis.RedisError:
            return None

    def ping(self):
        return bool(self._try("ping"))

    def users(self):
        """The cached users, or None."""
        text = self._try("get", USERS)
        return None if text is None else [User(*row) for row in json.loads(text)]

    def keep_users(self, users):
        self._try("set", USERS, json.dumps([[user.email, user.role] for user in users]), ex=LIFETIME)

    def forget_users(self):
        self._try("delete", USERS)

    def queue(self, event, subject):
        self._try("lpush", JOBS, json.dumps([event, subject]))

    def next_job(self, seconds):
        """The oldest job as (event, subject); None when none comes in time."""
        item = self._try("brpop", JOBS, timeout=seconds)
        return None if item is None else tuple(json.loads(item[1]))
