"""Sizes and formats of printed figures; imports nothing heavy."""

from typing import Literal

Format = Literal["svg", "pdf"]
"""What a figure is written as."""
SINGLE = 85.0
"""Width in mm of a figure in one column of a journal's page."""
DOUBLE = 174.0
"""Width in mm of a figure across both columns."""
MM = 96 / 25.4
"""Pixels of a millimetre, by CSS."""
POINT = 96 / 72
"""Pixels of a typographic point."""
