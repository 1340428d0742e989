"""A document that many type into."""

from simclock.experiments.catalog.shared_document.scenario import SHARED_DOCUMENT
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="shared_document",
    entries=(SHARED_DOCUMENT,),
)
