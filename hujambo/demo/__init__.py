"""A synthetic programme to look at: invented people on pretend phones, on this machine only."""
