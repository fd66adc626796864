"""The models that can be looked at, and the network that comes with Mirror."""

from mirror_app.models.model import Model

__all__ = ["Model"]
