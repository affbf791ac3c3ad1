"""Keep what the server predicts: the server's door to `homologate.collection`.

Nothing that reads predictions back, judges or trains may enter here.
"""

from serve.collector._kept import Kept
from serve.collector._shipping import Shipping

__all__ = ["Kept", "Shipping"]
