"""One page for the operator: what is in Production, what it is asked, whether it keeps its promise, what to do.

    dashboard(settings, days=7)     facts: traffic, latency, label share, performance, drift, alerts with their commands
    page(facts)                     the same as one self-contained page: no script, no request, a strict policy

`grafana.json` beside this file shows the server's own metrics (`/metrics`) in Grafana. Nothing here acts.
"""

from serve.dashboard._facts import dashboard
from serve.dashboard._page import page

__all__ = ["dashboard", "page"]
