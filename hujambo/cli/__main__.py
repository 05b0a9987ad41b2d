"""`python -m hujambo.cli` is `hujambo`."""

import sys

from hujambo.cli import main

sys.exit(main())
