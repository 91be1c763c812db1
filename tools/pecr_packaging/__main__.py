"""`python -m pecr_packaging`: renew all that is generated for the installation."""

import sys

from localcluster.binaries import Binaries
from pecr_packaging import generate
from pecr_packaging.render import ROOT


def main() -> int:
    """Write all that is generated."""
    changed = generate.write(generate.chart_files())
    helm = Binaries().path("helm")
    changed += generate.write(generate.manifest_files(helm))
    changed += generate.write(generate.document_files())
    for path in changed:
        print(f"renewed {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
