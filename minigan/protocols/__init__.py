"""Published evaluation protocols, run with the library's own parts and printed beside the published numbers."""

from . import dirac

BY_NAME = {"dirac": dirac.run}
