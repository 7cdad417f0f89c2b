"""`python -m halfgig` is the command line."""

import sys

from halfgig.cli import main

sys.exit(main())
