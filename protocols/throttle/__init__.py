"""An API rate limiter: so many requests of each client in any hour, and no more.

limiters.py    token bucket, sliding log, sliding counter, and the fixed window with its flaw; integers only
messages.py    a request, and its answer
observed.py    what the limiter and its clients tell
server.py      the node that admits or refuses, with durable state and its own monotonic clock
client.py      clients: one that bursts at the edge of the hour, one that takes all it gets, one that is modest
references.py  when one more may be admitted, by each limiter's definition
properties.py  the promise "so many in any window" and every refusal, judged by the server's own clock
"""

from simclock.protocols.throttle.client import Ask, Burst, Greedy, Modest, ThrottleClient
from simclock.protocols.throttle.limiters import (
    LIMITERS,
    FixedWindow,
    Limit,
    Limiter,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
)
from simclock.protocols.throttle.messages import Answered, Request
from simclock.protocols.throttle.properties import RateLimit, most_in_any_window
from simclock.protocols.throttle.references import REFERENCES, Reference
from simclock.protocols.throttle.server import RateLimiter

__all__ = [
    "LIMITERS",
    "REFERENCES",
    "Answered",
    "Ask",
    "Burst",
    "FixedWindow",
    "Greedy",
    "Limit",
    "Limiter",
    "Modest",
    "RateLimit",
    "RateLimiter",
    "Reference",
    "Request",
    "SlidingCounter",
    "SlidingLog",
    "ThrottleClient",
    "TokenBucket",
    "most_in_any_window",
]
