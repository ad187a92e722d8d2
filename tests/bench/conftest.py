"""Makes the checkout's `bench` importable, behind what is installed."""

import sys

from fixtures.places import ROOT

if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))
