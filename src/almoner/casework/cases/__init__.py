"""Cases: their changes, the trail of them, and what people see and do in one."""
