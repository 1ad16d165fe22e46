"""The errors that cross a service boundary. Everything else that an activity raises is an outage: it is retried.

NonRetryableError      a refusal: a business no, the participant changed nothing
MessageRejectedError   the participant can't read the message: retries can't change that
QuarantinedError       the work has ended its process each time, and isn't carried out any more
"""


class NonRetryableError(Exception):
    """A refusal. The SDK matches this class by its exact name, so there are no subclasses."""


class MessageRejectedError(Exception):
    """The participant can't read the message."""


class QuarantinedError(Exception):
    """The work is poison; whether an execution before has taken effect isn't known."""


class Refused(Exception):  # noqa: N818 - the saga's term for an outcome, not an error of the program
    """A business rule says no, with a sentence for the customer; raised before anything was changed."""
