"""`python -m transmission`: live as the service, or do one of its jobs."""

import os
import sys

from chassis.entrance import start
from transmission.app import build

if __name__ == "__main__":
    start("transmission", sys.argv[1:], os.environ, build)
