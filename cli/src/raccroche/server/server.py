"""A server as its users handle it: addresses, tokens, and who broker and database say they are; containers are compose's affair."""

from pathlib import Path

from chassis.provision import AUDITOR, dsn_of
from chassis.topics import identity_of
from raccroche.server.files import Files
from raccroche.stack.drawing import ADMIN
from raccroche.stack.said import database_says

SECONDS_A_DAY = 86_400


class Server:
    """What `docker compose up` started, seen from the same machine. Raises NotPrepared where there is nothing yet."""

    def __init__(self, root: Path) -> None:
        self.files = Files(root.resolve())

    @property
    def root(self) -> Path:
        return self.files.root

    def is_up(self) -> bool:
        """Compose knows; the commands find out by asking."""
        return self.files.variables.exists()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.files.port('kafka')}"

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.files.port(name)}"

    @property
    def admin_dsn(self) -> str:
        return self._dsn(ADMIN, "postgres")

    def auditor_dsn(self, database: str) -> str:
        return self._dsn(AUDITOR, database)

    def _dsn(self, user: str, database: str) -> str:
        here = f"postgresql://127.0.0.1:{self.files.port('postgres')}/"
        return dsn_of(here, database=database, user=user, password=self.files.secrets.passwords[user])

    def issue_token(
        self, role: str, *, uai: str | None = None, territory: tuple[str, ...] = (), organisation: str | None = None, sub: str | None = None
    ) -> str:
        return self.files.secrets.token(role, uai=uai, territory=territory, organisation=organisation, sub=sub)

    def advance_clock(self, days: int) -> int:
        """Move the clock of a rehearsal; other services do not look there."""
        offset = int(self.files.clock_offset.read_text() or 0) + days * SECONDS_A_DAY
        self.files.clock_offset.write_text(str(offset))
        return offset // SECONDS_A_DAY


async def said(server: Server) -> tuple[str, str]:
    """Broker and database, asked of the real thing."""
    identity = await identity_of(server.bootstrap, ())
    return f"Apache Kafka in a container, cluster {identity.cluster_id}", await database_says(server.admin_dsn, "in a container")
