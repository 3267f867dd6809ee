"""A pool says what keeps it from the database: a server that is away, a role that is refused, a database that is not made yet."""

import socket
from urllib.parse import urlsplit, urlunsplit

import pytest

from chassis.pools import DatabaseAway, DatabaseRefuses, open_pool
from chassis.provision import Database, chassis_migrations, dsn_of

pytestmark = pytest.mark.stack
SPECIMEN = Database(name="pools", migrations=(chassis_migrations(),))


def nobody_listens() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def test_a_role_with_a_wrong_password_is_named(fresh_database) -> None:
    dsn = (await fresh_database(SPECIMEN))["app"]
    role = urlsplit(dsn).username
    wrong = dsn_of(dsn, database=urlsplit(dsn).path.strip("/"), user=role, password="wrong")
    with pytest.raises(DatabaseRefuses, match=f"role {role}: its password"):
        await open_pool(wrong)


async def test_a_database_that_is_not_made_yet_is_named(fresh_database) -> None:
    dsn = (await fresh_database(SPECIMEN))["admin"]
    with pytest.raises(DatabaseRefuses, match="there is no database not_made"):
        await open_pool(dsn_of(dsn, database="not_made"))


@pytest.mark.parametrize("host", ["127.0.0.1", "nobody.invalid"])
async def test_a_server_that_is_away_is_away_whatever_the_network_says(fresh_database, host: str) -> None:
    parts = urlsplit((await fresh_database(SPECIMEN))["app"])
    there = f"{parts.netloc.rpartition('@')[0]}@{host}:{nobody_listens()}"
    with pytest.raises(DatabaseAway):
        await open_pool(urlunsplit(parts._replace(netloc=there)))
