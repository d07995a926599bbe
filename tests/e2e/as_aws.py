"""ministack, with one door more: PutEvents takes sources that begin with `aws.`.

AWS keeps those to itself, and so does ministack; in these tests we are AWS, which puts what CloudTrail hears.
"""

import functools
import sys

from ministack.app import main
from ministack.services import eventbridge

eventbridge._put_events = functools.partial(eventbridge._put_events, allow_aws_source=True)

if __name__ == "__main__":
    sys.exit(main())
