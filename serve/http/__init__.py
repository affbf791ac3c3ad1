"""What every HTTP process of this room stands in: the scoring server and the technicians' web app.

    run, bound_socket         the process: sockets, TLS, patience with slow clients, leaving without dropping a request
    security_headers, Hosts   what every response carries, and by which names a request may call this process
    Doors, Exchange, Reply    questions that are answered without ASGI, and their connection
    read_body, Limits         the body of a request within bounds
    Problem, problem_of       an error on its way to a client, in the one shape
    Issuer                    whose bearer tokens are believed
    event, set_up_log         JSON lines on stderr, never a text

Nothing that judges, keeps predictions or knows a model may enter here, and no ONNX Runtime, mlflow or pandas.
"""

from serve.http._body import read_body
from serve.http._exchange import Connection, Doors, Exchange, Reply
from serve.http._hosts import LOOPBACK, Hosts
from serve.http._limits import Limits
from serve.http._log import event
from serve.http._log import set_up as set_up_log
from serve.http._oidc import Issuer, Person
from serve.http._problem import Left, Problem, header_lines, problem_of
from serve.http._protocol import CONNECTION
from serve.http._run import bound_socket, run
from serve.http._security import security_headers

__all__ = [
    "CONNECTION",
    "LOOPBACK",
    "Connection",
    "Doors",
    "Exchange",
    "Hosts",
    "Issuer",
    "Left",
    "Limits",
    "Person",
    "Problem",
    "Reply",
    "bound_socket",
    "event",
    "header_lines",
    "problem_of",
    "read_body",
    "run",
    "security_headers",
    "set_up_log",
]
