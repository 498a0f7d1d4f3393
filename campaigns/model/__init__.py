"""Values of the domain and their bounds. No I/O, no clock, no Prefect, no HTTP."""
