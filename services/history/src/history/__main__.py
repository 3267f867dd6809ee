"""`python -m history`: settings, build, run; it says nothing, so it has no relay."""

import os

from chassis.service import run, settings_from
from history.app import build

if __name__ == "__main__":
    run("history", settings_from(os.environ), build, speaks=False)
