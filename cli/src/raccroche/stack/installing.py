"""Databases, roles and migrations of a local stack: made before any service starts, the same every time."""

from pathlib import Path

from chassis.provision import Database, chassis_migrations, keyring_migrations, provision
from raccroche.stack.layout import SERVICES, Layout
from raccroche.stack.programs import Plan
from raccroche.stack.secrets import Secrets


class NoMigrations(Exception):
    """The services' migrations are not where this checkout keeps them."""


CHECKOUT = Path(__file__).resolve().parents[4] / "services"


def databases(services: Path = CHECKOUT) -> list[Database]:
    """One database per service with its own migrations after the chassis's, and the keyring's.

    services: the folder of the services' folders, each with its `migrations`.

    Raises:
        NoMigrations: there is none such.
    """
    if missing := [name for name in SERVICES if not (services / name / "migrations").is_dir()]:
        raise NoMigrations(f"no migrations of {', '.join(missing)} under {services}")
    found = [Database(name=f"raccroche_{name}", migrations=(chassis_migrations(), services / name / "migrations")) for name in SERVICES]
    return [*found, Database(name="raccroche_keyring", migrations=(keyring_migrations(),), login_roles=("app",))]


async def install(layout: Layout, plan: Plan) -> None:
    await provision(plan.admin_dsn, databases(), Secrets(layout).passwords)
