"""One search by several processes, with the findings of one."""
