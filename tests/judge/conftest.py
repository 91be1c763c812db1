"""The judge's tests also run the benchmark's simulator, which lies at the repository's root."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
