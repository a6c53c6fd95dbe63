"""Measurements: each module prints the figures of one claim; none of this is needed to run the product."""

import os

# Before anything imports numpy: figures are per core, and files are embedded side by side, a core each.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
