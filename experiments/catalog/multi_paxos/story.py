"""The stories of Paxos: ballots, who leads with which, and what they had to take over."""

from simclock.experiments.telling.chronicle import Chronicle
from simclock.protocols.multi_paxos.observed import Candidate, Follower, Installed, Leader, Reconfigured
from simclock.protocols.paxos.observed import Learned, Proposed, Voted
from simclock.told import Halted

DECREE = Chronicle(
    {
        Proposed: "proposes {value} with number {number}",
        Voted: "accepts {value} of number {number}",
        Learned: "learns that {value} is chosen",
    }
)
STORY = Chronicle(
    {
        Candidate: "asks for promises of ballot {ballot}",
        Leader: "leads with ballot {ballot} from slot {first_slot} on, {recovered} values taken over",
        Follower: "stands back for ballot {ballot}",
        Reconfigured: "has slot {slot} make the members {members} from slot {first_slot} on",
        Installed: "installs a snapshot up to slot {index}",
        Halted: "halts: {reason}",
    }
)
