"""Put an approved version on Azure ML, and take it back: what is deployed is what the ledger says, or nothing.

Azure's own SDK needs an environment of its own, so it runs in a child process (`_azure_child.py`); nothing here imports
it. What Azure holds is read anew each time; there is no second record of it here.
"""

from serve.deploy._azure import KINDS, Target, check, deploy, look, roll_back
from serve.deploy._carry_out import PYTHON_VARIABLE, carry_out
from serve.deploy._code import scoring_code

__all__ = ["KINDS", "PYTHON_VARIABLE", "Target", "carry_out", "check", "deploy", "look", "roll_back", "scoring_code"]
