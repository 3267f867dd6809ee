"""`python -m history`: live as the service, or do one of its jobs; it says nothing, so it has no relay."""

import os
import sys

from chassis.entrance import start
from history.app import build

if __name__ == "__main__":
    start("history", sys.argv[1:], os.environ, build, speaks=False)
