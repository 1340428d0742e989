"""The Ray placement: every host is an actor, and so is the scheduler.

    session      a Ray to run on: joined, or started here
    equipment    what a cluster's machines lack of simclock
    hosts        hosts as actors, and what to do when a worker dies
    channels     a connection between the scheduler and each host
    mail         what goes over it, as bytes
    scheduler    the scheduler as an actor, and the run as its caller sees it

Laws: answers are collected and sorted by key, never acted on in the order of arrival; one submitter (the scheduler's
actor) and no retries by Ray. Ray is imported here and in `simclock.actors.placements.ray_tasks`, nowhere else, and only
when a run needs it.
"""
