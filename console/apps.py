from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AppConfig):
    name = "console"


class Admin(AdminConfig):
    """The stock admin on a site of our own."""

    default_site = "console.site.Site"
