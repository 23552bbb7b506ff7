"""The API as a Django app of its own, so that its tables are migrated separately from those of cases."""

from __future__ import annotations

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "almoner.casework.api"
    label = "casework_api"
    verbose_name = "Almoner API"
