"""Failure detectors."""

from simclock.experiments.catalog.failure_detectors.scenario import FAILURE_DETECTORS
from simclock.experiments.catalog.failure_detectors.study import FAILURE_DETECTORS_STUDY
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="failure_detectors",
    entries=(FAILURE_DETECTORS,),
    studies=(FAILURE_DETECTORS_STUDY,),
)
