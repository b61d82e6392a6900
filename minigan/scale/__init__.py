"""Many runs, or one run in many processes: sweeps over settings and seeds, and data parallel training by MPI."""
