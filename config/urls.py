from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from ingestion.api import api

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("", include("console.urls")),
    path("", RedirectView.as_view(url="/admin/")),
]
