"""Cost per delivered packet, set-up, memory and latency, as ratios within one run.

    make bench                      everything, about ten minutes
    python -m bench cost --quick    one part, small

Absolute times drift on shared machines; what counts is the ratio to a baseline that ran
between the same repeats.  CPU is that of the serving process alone (user + system, from
the kernel's accounting), never wall time; load and receivers live in another process.
"""
