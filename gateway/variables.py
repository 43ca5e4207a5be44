"""Every variable of the environment that is read (gateway/settings.py): its default in words, and what it means. The table of
docs/operations.md is written from here, and `manage.py settings` prints it with what is set; a test holds it to the code."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Variable(Struct, frozen=True):
    """`default`: in Markdown, empty for none. `secret`: may come from a file, too, and is never shown."""

    default: str
    meaning: str
    secret: bool = False


VARIABLES: Mapping[str, Variable] = {
    "ROUTEPLEX_ENV": Variable("`development`", "`production` refuses to start without what production needs"),
    "SECRET_KEY": Variable("required in production", "signs sessions", secret=True),
    "KEY_PEPPER": Variable(
        "required in production", "API keys are stored hashed under it. Losing it invalidates every key", secret=True
    ),
    "KEY_PEPPER_PREVIOUS": Variable("", "earlier peppers, separated by commas: keys hashed under them still open", secret=True),
    "ENCRYPTION_KEY": Variable(
        "required in production",
        "32 characters or more (`openssl rand -base64 32`); what tenants let us keep is encrypted under it. Losing it loses that, and nothing else",
        secret=True,
    ),
    "ENCRYPTION_KEY_PREVIOUS": Variable(
        "",
        "earlier ones, separated by commas: they still open what was encrypted under them; see [changing the key](#what-is-kept-and-for-how-long)",
        secret=True,
    ),
    "DATABASE_URL": Variable(
        "required in production; else SQLite in `VAR_DIR`", "`postgres://user:password@host/name`", secret=True
    ),
    "REDIS_URL": Variable("required in production", "`redis://host:6379/0`, also `rediss://` and `unix://`", secret=True),
    "REDIS_PREFIX": Variable(
        "`routeplex`",
        "begins the names of the keys in Redis in which processes share the providers' health; one for each installation that shares a Redis",
    ),
    "ALLOWED_HOSTS": Variable("required in production", "host names of the pages, separated by commas"),
    "GATEWAY_URL": Variable("`PUBLIC_URL`", "where workers reach the data plane, for example `http://gateway:8000`"),
    "PUBLIC_URL": Variable("", "how callers reach this installation, for example `https://gateway.example.com`"),
    "PORT": Variable("`8000`", "of `bin/dev` and `gateway.serve`"),
    "TRUST_PROXY": Variable("`0`", "`1`: believe `X-Forwarded-Proto` of the proxy in front"),
    "VAR_DIR": Variable("`var`", "state of this host: SQLite, journals, collected static files"),
    "DOCS_DIR": Variable(
        "`VAR_DIR/docs`", "where `bin/docs` has put the documentation that is served at `/docs`; the image has it inside"
    ),
    "STATIC_ROOT": Variable(
        "`VAR_DIR/static`", "where `manage.py collectstatic` puts what the pages need; the image has it inside"
    ),
    "JOURNAL_DIR": Variable("`VAR_DIR/journal`", "journals; must survive a restart of the container"),
    "PROVIDERS_FILE": Variable("`providers.toml`", "more providers and models; see below"),
    "MAX_BODY_BYTES": Variable("`20971520`", "the largest request body"),
    "MANAGEMENT_REQUESTS_PER_MINUTE": Variable("600", "of each key and person at the management API, in each process"),
    "DRAIN_LAG_S": Variable(
        "`2` in production, else `0`",
        "seconds after SIGTERM during which requests are still taken, for load balancers learn of it with a delay",
    ),
    "DRAIN_GRACE_S": Variable(
        "`120` (`bin/dev`: `5`)", "seconds that running requests have after that; then they end with an error"
    ),
    "METRICS_PORT": Variable("`0`", "where the recorder answers Prometheus; `0`: nowhere"),
    "METRICS_HOST": Variable("`127.0.0.1`", "on which address it does; nobody is asked for a password there"),
    "METRICS_BY_TENANT": Variable("`0`", "`1`: requests and cost by tenant, too; mind their number"),
    "TRACES_URL": Variable(
        "",
        "where the recorder sends traces, by OTLP over HTTP, for example `http://collector:4318/v1/traces`; the exporter's own variables (`OTEL_EXPORTER_OTLP_HEADERS` …) hold as well",
    ),
    "TRACES_SHARE": Variable(
        "`1`",
        "of the requests that come without a `traceparent`, the share that is traced, 0 to 1; of others their caller decides",
    ),
    "SIGN_UP": Variable(
        "`invited` in production, else `open`",
        "`open`: anybody may sign up and gets a workspace; `invited`: people come by invitation",
    ),
    "VERIFY_EMAIL": Variable(
        "`1` in production, else `0`", "`1`: a new address is proven by a code that is sent to it, before anything else"
    ),
    "EMAIL_URL": Variable(
        "`smtp://localhost` in production, else files in `VAR_DIR/mail`",
        "`smtp+tls://user:password@host:587`, `smtps://…`, `smtp://…`, `file:///folder`, `console://` or `none://`",
        secret=True,
    ),
    "EMAIL_FROM": Variable("`RoutePlex <routeplex@localhost>`", "who mail is from"),
    "WEBHOOKS_PLAIN_HTTP": Variable("`0` in production, else `1`", "`1`: webhooks may be `http://`"),
    "WEBHOOKS_ALLOWED_NETWORKS": Variable(
        "", "networks of your own, such as `10.1.0.0/16`, that webhooks may reach although they are inside"
    ),
    "ACTIVE_PROBES": Variable(
        "`0`",
        "`1`: a model whose breaker is half-open is asked for 16 tokens by one gateway process, on the operator's account, instead of waiting for a caller's request to be the probe",
    ),
    "SANDBOX_URL": Variable("", "where the sandbox runs; set by `bin/dev`"),
    "SANDBOX_ENABLED": Variable("`0`", "must be `1` for `SANDBOX_URL` to be accepted in production"),
    "DEBUG": Variable("`0`", "Django's debug pages; never in production"),
    "LOG_LEVEL": Variable("`INFO`", "`DEBUG`, `INFO`, `WARNING` or `ERROR`"),
    "OPENAI_API_KEY": Variable("", "put that provider live", secret=True),
    "ANTHROPIC_API_KEY": Variable("", "put that provider live", secret=True),
    "GEMINI_API_KEY": Variable("", "put that provider live", secret=True),
    "OPENAI_BASE_URL": Variable("the provider's own", "point it elsewhere"),
    "ANTHROPIC_BASE_URL": Variable("the provider's own", "point it elsewhere"),
    "GEMINI_BASE_URL": Variable("the provider's own", "point it elsewhere"),
}
