"""The models that Mirror can show: the bundled network, torchvision's models and the user's own."""

from mirror_app.models.model import Model

__all__ = ["Model"]
