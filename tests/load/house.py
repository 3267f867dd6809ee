"""The servers that every row shares, and databases made fresh for each round."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import asyncpg

from chassis.provision import AUDITOR, Database, chassis_migrations, dsn_of, provision
from chassis.topics import ensure_topics
from contracts.catalogue import Topic
from raccroche.stack import Stack

COUNTED = "create table counted (offer_id text primary key, times integer not null)"


@dataclass(frozen=True)
class House:
    """A stack without services."""

    stack: Stack

    async def database(self) -> dict[str, str]:
        """A DSN per role of a database of its own, with the chassis's tables and one projection's."""
        found = await self.database_like(Database(name="load", migrations=(chassis_migrations(),)))
        admin = await asyncpg.connect(found["admin"])
        await admin.execute(f"{COUNTED}; grant select, insert, update, delete on counted to {found['admin'].rsplit('/', 1)[1]}_consumer")
        await admin.close()
        return found

    async def database_like(self, database: Database) -> dict[str, str]:
        """A DSN per role of such a database, under a name of its own."""
        made = dataclasses.replace(database, name=f"{database.name}_{uuid4().hex[:10]}")
        roles = {suffix: f"{made.name}_{suffix}" for suffix in made.login_roles}
        await provision(self.stack.admin_dsn, [made], {**dict.fromkeys(roles.values(), "load"), AUDITOR: "load"})
        found = {suffix: dsn_of(self.stack.admin_dsn, database=made.name, user=role, password="load") for suffix, role in roles.items()}
        return {**found, "admin": dsn_of(self.stack.admin_dsn, database=made.name)}

    async def topic(self, partitions: int = 6) -> str:
        name = f"load.{uuid4().hex}"
        await ensure_topics(self.stack.bootstrap, [Topic(name=name, speaker="offers", partitions=partitions)])
        return name

    async def analysed(self, dsns: dict[str, str]) -> None:
        """Plans made over an empty table read all of it, until the statistics are renewed: in life within a minute, here at once."""
        admin = await asyncpg.connect(dsns["admin"])
        await admin.execute("vacuum analyze")
        await admin.close()

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[dict[str, str]]:
        """A database for one round: what earlier rounds wrote weighs on none."""
        dsns = await self.database()
        try:
            yield dsns
        finally:
            await self.drop(dsns)

    async def drop(self, dsns: dict[str, str]) -> None:
        name = dsns["admin"].rsplit("/", 1)[1]
        admin = await asyncpg.connect(self.stack.admin_dsn)
        await admin.execute(f'drop database "{name}" with (force)')
        await admin.close()
