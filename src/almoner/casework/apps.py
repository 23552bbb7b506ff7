"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig


class CaseworkConfig(AppConfig):
    name = "almoner.casework"
    label = "casework"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from almoner.casework.accounts import signing_in  # noqa: F401 - hears who signs in
        from almoner.casework.cases import handing_back  # noqa: F401 - hears whose rights change
