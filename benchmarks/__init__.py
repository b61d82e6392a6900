"""Benchmarks of minigan beside other libraries on one machine: the same arithmetic, checked, and timed in turns.

`python -m benchmarks`, from a clone, runs them; `pip install ".[bench]"` installs the other libraries.

| module | subject |
|---|---|
| `networks`, `workloads` | the work, described without any library |
| `peers` | the same work in each library |
| `agreement` | comparison of their results |
| `worker`, `timing`, `memory` | the process, the turns and the memory of one library on one workload |
| `race` | all libraries on one workload |
| `arithmetic` | the matrix products that a step needs at least |
| `scaling` | growth of the cost with the batch and with the pixels |
| `tables`, `figures`, `command` | tables, pictures, and the command itself |
| `overhead` | time of a training run that is not spent on its steps; a script of its own |
| `gpu`, `gpu_*` | the benchmark of a GPU |
"""
