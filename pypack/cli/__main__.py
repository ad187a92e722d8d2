"""`python -m pypack.cli`."""

import sys

from pypack.cli import main

sys.exit(main())
