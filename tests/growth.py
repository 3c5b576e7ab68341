"""A database that has grown: as many releases as asked for, with what belongs to each, written by SQL within seconds.

Of eight models, the eighth had a few releases long ago; some statuses are rare. What nothing is read from is left empty.
"""

from typing import Any

from sqlalchemy import Connection, text

from app.database.connection import Database

COMMON, RARE = "model-1", "model-rare"
TARGET = "s/rg/ws/endpoint-1"
JOB = "job-7"  # of the first releases

_FILL = (
    "INSERT INTO bundle (digest, archive, size, created_at) VALUES ('b', '', 0, {now})",
    "INSERT INTO definition_version (id, model, version, bundle_digest, content, applied_at, applied_by) "
    "VALUES (1, 'model-1', 1, 'b', '{{}}', {now}, 'anna')",
    "INSERT INTO training_job (id, subscription, resource_group, workspace, name, model, status, is_final, code, sentence, environments, "
    "outputs, metrics, children, unanswered, recorded_by, created_at) "
    "SELECT n, 's', 'rg', 'ws', 'job-' || n, {model}, 'Completed', {true}, 'ended', '', '[]', '{{}}', '{{}}', '[]', 0, 'anna', {at} FROM {n}",
    "INSERT INTO release (id, model, number, mark, definition_id, definition_version, purpose, source, job, stages, status, code, sentence, "
    "requested_by, revision, created_at, updated_at, content) "
    "SELECT {release}, {model}, n, 'm', 1, 1, 'release', CAST('{{\"kind\": \"job\", \"job\": \"job-' || (n / 2) || '\"}}' AS {json}), 'job-' || (n / 2), '[\"dev\"]', {status}, '', '', 'anna', {events} * n, {at}, {at}, "
    "'{{}}' FROM {n}",
    "INSERT INTO rollout (id, release_id, stage, position, target, endpoint, workspace, deployment, needs_approval, plan_digest, attempt, "
    "round, emergency, status, code, sentence, started_at, finished_at) "
    "SELECT {release} || ':dev', {release}, 'dev', 0, {target}, 'e', 'ws', 'd-' || n, {true}, 'p', 1, 0, {false}, {status}, '', '', {at}, {at} "
    "FROM {n}",
    "INSERT INTO step_run (id, rollout_id, key, position, status, code, sentence, attempts, worker, started_at, finished_at) "
    "SELECT {release} || ':dev:s' || k, {release} || ':dev', 's' || k, k, CASE WHEN n % 5000 = 0 THEN 'running' ELSE 'succeeded' END, '', '', "
    "1, 'w', {at}, {at} FROM {n} CROSS JOIN (SELECT 1 AS k UNION ALL SELECT 2) AS two",
    "INSERT INTO event (seq, at, kind, model, release_id, subject, actor, via, data, previous, hash) "
    "SELECT {events} * (n - 1) + k, {at}, CASE WHEN n = 9 THEN 'worker.lost' ELSE 'step.succeeded' END, {model}, {release}, {release} || ':dev', "
    "'anna', 'cli', '{{}}', '', '' FROM {n} CROSS JOIN {k}",
    "INSERT INTO delivery (id, message_id, channel, recipient, subject, release_id, seq, status, tries, due_at, sentence, memory, created_at) "
    "SELECT n, 'm' || n, 'webhook', 'webhook:w' || (n % 3), '1', {release}, n, CASE WHEN n % 5000 = 3 THEN 'dead' ELSE 'delivered' END, 1, {at}, "
    "'', '{{}}', {at} FROM {n}",
    "INSERT INTO traffic_share (id, target, deployment, release_id, weight, mirror, from_at, to_at, from_event, to_event) "
    "SELECT n, {target}, 'd-' || n, CASE WHEN n <= 20 THEN NULL ELSE {release} END, 100, 0, {at}, CASE WHEN n > {releases} - 7 THEN NULL "
    "ELSE {later} END, {events} * n, CASE WHEN n > {releases} - 7 THEN NULL ELSE {events} * (n + 7) END FROM {n}",
    "INSERT INTO target (id, model, stage, since, updated_at, drift) "
    "SELECT {target}, {model}, 'dev', {at}, {at}, '[]' FROM {n} WHERE n BETWEEN 21 AND 27",
    "INSERT INTO deployed (target, name, release_id, facts, since, until) "
    "SELECT {target}, 'd-' || n, {release}, '{{\"name\": \"d\"}}', {at}, CASE WHEN n > {releases} - 21 THEN NULL ELSE {later} END FROM {n}",
    "INSERT INTO evidence (id, subject, kind, model, text, digest, size, created_at, expires_at) "
    "SELECT 'log-' || n, {release} || ':dev:s1', 'deployment_log', {model}, CASE WHEN n > {releases} - 50 THEN 'x' END, '', 1, {at}, {later} FROM {n}",
    "INSERT INTO api_token (id, hash, name, grants, created_by, created_at, expires_at) "
    "SELECT 'token-' || n, 'h' || n, 'anna', '[]', 'anna', {at}, {at} FROM {n}",
    "INSERT INTO worker (id, host, pid, version, started_at, renewed_at, expires_at) VALUES ('w', 'h', 1, '1', {now}, {now}, {now})",
    "UPDATE event_head SET seq = (SELECT max(seq) FROM event)",
)
_OF_N = {
    "model": "CASE WHEN n <= 20 THEN 'model-rare' ELSE 'model-' || (n % 7) END",
    "release": "CASE WHEN n <= 20 THEN 'model-rare' ELSE 'model-' || (n % 7) END || '-' || n",
    "target": "'s/rg/ws/endpoint-' || (n % 7)",
    "status": "CASE WHEN n <= 5 THEN 'expired' WHEN n % 5000 = 0 THEN 'in_progress' WHEN n % 5000 = 1 THEN 'pending_approval' "
    "WHEN n % 3 = 0 THEN 'failed' ELSE 'succeeded' END",
}


def fill(database: Database, releases: int, *, events: int = 3) -> None:
    """One release a minute, since the beginning of 2026."""
    is_sqlite = database.engine.dialect.name == "sqlite"
    words = {
        **_OF_N,
        "now": "'2026-01-01 00:00:00.000000'",
        "at": "strftime('%Y-%m-%d %H:%M:%S.000000', 1767225600 + 60 * n, 'unixepoch')"
        if is_sqlite
        else "to_timestamp(1767225600 + 60 * n)",
        "later": "strftime('%Y-%m-%d %H:%M:%S.000000', 1767225600 + 60 * (n + 7), 'unixepoch')"
        if is_sqlite
        else "to_timestamp(1767225600 + 60 * (n + 7))",
        "releases": str(releases),
        "json": "text" if is_sqlite else "jsonb",
        "events": str(events),
        "k": f"({' UNION ALL '.join(f'SELECT {k} AS k' for k in range(1, events + 1))}) AS numbered",
        "n": f"(WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < {releases}) SELECT n FROM up) AS numbers",  # noqa: S608 - a number
        "true": "true",
        "false": "false",
    }
    with database.engine.begin() as connection:
        for statement in _FILL:
            connection.execute(text(statement.format(**words).replace(":", "\\:")))
    if not is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def rows_read(connection: Connection, statement: str, parameters: Any) -> int:
    """How many rows PostgreSQL looks at to answer a statement, in every part of its plan."""
    # Of a table of this size it would rather read all than search for a hundred rows; of one that is five times as large, not.
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
    return _rows_in(plan[0]["Plan"])


def _rows_in(node: dict[str, Any]) -> int:
    kinds = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter", "Rows Removed by Index Recheck")
    here = sum(int(node.get(kind, 0)) for kind in kinds) * int(node["Actual Loops"])
    return here + sum(_rows_in(each) for each in node.get("Plans", ()))
