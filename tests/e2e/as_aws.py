"""ministack, more like AWS in two ways.

PutEvents takes sources that begin with `aws.`. AWS keeps those to itself, and so does ministack; in these tests we are AWS,
which puts what CloudTrail hears. And what services do to each other is let through or refused: between_services.py.
"""

import functools
import sys

import between_services
from ministack.app import main
from ministack.services import eventbridge, scheduler

eventbridge._put_events = functools.partial(eventbridge._put_events, allow_aws_source=True)
between_services.ask()
# Looks at schedules each second, not each tenth, so that tests wait for less.
scheduler._SCHEDULE_TICK_INTERVAL = 1

if __name__ == "__main__":
    sys.exit(main())
