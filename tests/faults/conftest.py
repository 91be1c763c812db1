"""These tests run a part of the campaign, which lies at the repository's root."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
