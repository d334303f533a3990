"""A plugin as people write one for python-socketio, and a hostile one beside it.

What each event shows stands in tests/e2e/shared-python.test.mjs. Those of the guest in JavaScript have the same names and answers.
"""

import answers  # noqa: F401 (each of these registers its handlers)
import hostile  # noqa: F401
import rooms  # noqa: F401
import socket_state  # noqa: F401
import stored  # noqa: F401
import waiting  # noqa: F401
from counting import Counting
from innkeeper_plugin import export
from order import Order
from server import sio

sio.register_namespace(Counting("/"))
sio.register_namespace(Order("/"))

WitWorld = export(sio)
