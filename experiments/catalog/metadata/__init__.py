"""What causality costs on the wire."""

from simclock.experiments.catalog.metadata.growth_study import VECTOR_CLOCK_GROWTH_STUDY
from simclock.experiments.catalog.metadata.size_study import METADATA_SIZE_STUDY
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="metadata",
    studies=(METADATA_SIZE_STUDY, VECTOR_CLOCK_GROWTH_STUDY),
)
