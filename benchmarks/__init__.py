"""minigan beside other libraries, on one machine: the same arithmetic, the same results, in turns.

| module | subject |
|---|---|
| `networks`, `workloads` | what is computed, described without any library |
| `peers` | how each library computes it |
| `agreement` | whether they compute the same |
| `worker`, `timing`, `memory` | one library on one workload: its process, its turns, its memory |
| `race` | all libraries on one workload |
| `arithmetic` | the matrix products that a step cannot do without |
| `scaling` | growth with the batch and with the pixels |
| `tables`, `figures`, `command` | tables, pictures, `python -m benchmarks` |
| `gpu`, `gpu_*` | the same on a GPU |
"""
