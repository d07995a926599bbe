"""ministack, more like AWS in three ways.

PutEvents takes sources that begin with `aws.`. AWS keeps those to itself, and so does ministack; in these tests we are AWS,
which puts what CloudTrail hears. What services do to each other is let through or refused: between_services.py. And a
schedule that was changed fires as it says now.
"""

import functools
import sys

import between_services
from ministack.app import main
from ministack.services import eventbridge, scheduler


class Fired(dict):
    """When a schedule last fired, as long as it says what it said then."""

    def now(self, key):
        return (*key, scheduler._schedules._data.get(key, {}).get("ScheduleExpression"))

    def __contains__(self, key):
        return super().__contains__(self.now(key))

    def __getitem__(self, key):
        return super().__getitem__(self.now(key))

    def __setitem__(self, key, value):
        super().__setitem__(self.now(key), value)

    def pop(self, key, *default):
        return super().pop(self.now(key), *default)


eventbridge._put_events = functools.partial(eventbridge._put_events, allow_aws_source=True)
between_services.ask()
# Looks at schedules each second, not each tenth, so that tests wait for less.
scheduler._SCHEDULE_TICK_INTERVAL = 1
scheduler._schedule_last_fired = Fired()

if __name__ == "__main__":
    sys.exit(main())
