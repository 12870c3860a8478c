"""Which engine a run has, and when it gets another one."""
