"""Read by Flower at its start: its two doors without a lock, /metrics and /healthcheck, get the one of the others."""

from flower.views.monitor import Healthcheck, Metrics
from tornado.web import authenticated

for view in (Healthcheck, Metrics):
    view.get = authenticated(view.get)
