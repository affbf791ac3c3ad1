"""`python -m homologate`: the same command where no script directory is on PATH (MLproject runs it so)."""

import sys

from homologate.cli import main

sys.exit(main())
