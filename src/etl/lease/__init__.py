"""One run at a time for each (dataset, run date), from however many machines they are started.

A run's lease is a small object beside what the run leaves. It is taken, renewed and given back by
conditional writes, so that of two runs one has it. A holder that died without giving it back is
told from one that lives, by the surest sign there is:

- an execution of the state machine is at work as long as Step Functions says so;
- a process of the same machine, as long as the system keeps its file locked;
- a process elsewhere, as long as it renews the lease. No clocks are compared: who wants the lease
  watches it for as long as it lasts.
"""

from etl.lease.executions import confirm_for_execution, give_back, take_for_execution
from etl.lease.hold import hold

__all__ = ["confirm_for_execution", "give_back", "hold", "take_for_execution"]
