"""Django's settings for `make dev`: those of an installation, with error pages, and styles read anew each
time."""

from almoner.casework.conf.settings import *  # noqa: F403

DEBUG = True
WHITENOISE_AUTOREFRESH = True
