"""A run, or several side by side, as one HTML file that needs nothing else: no network, no other file."""

from .compare_page import MOST, compare
from .run_page import report
