"""Going on after an interrupt, in this kernel or in another one."""
