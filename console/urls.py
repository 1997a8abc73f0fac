from django.contrib import admin
from django.urls import path

from console import flower, views

FLOWER = admin.site.admin_view(flower.page, cacheable=True)

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics_page, name="metrics"),
    path("flower/", FLOWER, name="flower"),
    path("flower/<path:path>", FLOWER, name="flower"),
]
