"""Azure Monitor: the metrics of online endpoints, from what went through the scoring gateway."""

from fastapi import APIRouter

from emulator.monitor import routes

routers: list[APIRouter] = [routes.router]
