"""`python -m intake`: live as the service, or do one of its jobs."""

import os
import sys

from chassis.entrance import start
from intake.app import build
from intake.campaign.job import CAMPAIGN
from intake.campaign.sweep_jobs import CAMPAIGN_FILES, CAMPAIGN_SWEEP

if __name__ == "__main__":
    start("intake", sys.argv[1:], os.environ, build, own=(CAMPAIGN, CAMPAIGN_FILES, CAMPAIGN_SWEEP))
