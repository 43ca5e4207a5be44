"""The product's own settings, on a state of their own."""

import os
import tempfile

STATE = tempfile.mkdtemp(prefix="routeplex-tests-")
os.environ["VAR_DIR"] = STATE
os.environ["REDIS_PREFIX"] = f"routeplex-tests-{os.getpid()}"  # two processes of tests must not share a breaker
for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "SANDBOX_URL", "PROVIDERS_FILE"):
    os.environ.pop(name, None)  # a developer's own keys must not be spent by tests

from gateway.settings import *  # noqa: E402, F403
from gateway.settings import DATABASES, INSTALLED_APPS  # noqa: E402

INSTALLED_APPS = ["tests.emptying", *INSTALLED_APPS]

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": f"{STATE}/test.sqlite3"}  # a file: the server's threads share it
DATABASES["default"]["CONN_MAX_AGE"] = 0  # no thread of the server keeps the test database open
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
