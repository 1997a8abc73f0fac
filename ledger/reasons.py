"""Every reason that a row's status can carry. Operators filter and count by the codes; the text is shown to them."""

from django.db import models


class Reason(models.TextChoices):
    # what came in
    NEW = "new", "Seen for the first time"
    CHANGED = "changed", "Its bytes are not the ones seen before"
    RESTORED = "restored", "It came back after it had been gone, or went back to earlier bytes"
    NEWER_PAYLOAD = "newer_payload", "A newer payload of the same reference took over"
    REQUEUED = "requeued", "Sent back to work"
    NOT_A_FILE = "not_a_file", "A socket, device, pipe or link out of the folder; never read"
    # on its way
    ADMITTED = "admitted", "Its turn came"
    STARTED = "started", "A worker took it up"
    CONTENT_CLAIMED = "content_claimed", "Another run is ingesting the same content; waits for its outcome"
    RETRY = "retry", "Waits for the next attempt"
    LEASE_LOST = "lease_lost", "The worker that held it was not heard of any more"
    # how it ended
    APPLIED = "applied", "Its batch was judged, approved and applied"
    ALREADY_APPLIED = "already_applied", "The same content is live already"
    GATE_REJECTED = "gate_rejected", "The evaluation gate rejected its batch"
    CANCELLED = "cancelled", "An operator cancelled it"
    VANISHED = "vanished", "Gone between listing and reading"
    # what a batch went through
    PROPOSED = "proposed", "All its patches are written and its digest is fixed"
    CHECKS_PASSED = "checks_passed", "Every check of the gate passed"
    NO_CARRIER = "no_carrier", "No live reference carries its content any more"
    REVERTED = "reverted", "A person took its content back; it stays out until a person restores it"
    REINSTATED = "reinstated", "A person restored it after it had been reverted"
    RECOUNTED = "recounted", "A predicate got another cardinality"
    FALLEN_BACK_TO = "fallen_back_to", "What a reference of it said later was reverted"
    # why a payload cannot be read
    EMPTY = "empty", "It has no bytes"
    EMPTY_TEXT = "empty_text", "Nothing is left after decoding"
    UNDECODABLE = "undecodable", "Its bytes are text in no known encoding"
    UNSUPPORTED_TYPE = "unsupported_type", "No reader for this kind of content"
    CORRUPT = "corrupt", "It is not a valid file of its kind"
    TOO_LARGE = "too_large", "Larger than the size limit"
    TOO_COMPLEX = "too_complex", "Reading it would take more memory, depth or time than allowed"
    ENCRYPTED = "encrypted", "It needs a password"
    # what the surroundings did
    UNREADABLE = "unreadable", "The operating system refused access"
    IO_ERROR = "io_error", "Reading failed half-way"
    PAYLOAD_MISSING = "payload_missing", "The stored bytes are gone or do not hash to their name"
    REMOTE_UNAVAILABLE = "remote_unavailable", "The remote side did not answer"
    REMOTE_BUSY = "remote_busy", "The remote side asked us to wait"
    REMOTE_SLOW = "remote_slow", "The remote side did not answer in time"
    BAD_ANSWER = "bad_answer", "The remote side's answer is not what was asked for"
    KEY_REFUSED = "key_refused", "The remote side does not accept our key"
    REQUEST_REFUSED = "request_refused", "The remote side takes no such request: look at the model's name and address"
    WRONG_DIMENSIONS = "wrong_dimensions", "The model's vectors have another length than the settings say"
    MODEL_REFUSED = "model_refused", "The model refuses to answer for this text"
    VISIT_OVER = "visit_over", "A part is done; the rest goes on with the next visit"
    UNTRUSTED = "untrusted", "The remote side's certificate does not prove that it is who we asked for"
    BACKLOG = "backlog", "Too many handoffs wait, and nobody takes any"
    DATABASE_BUSY = "database_busy", "The database ended the transaction: deadlock, time-out or restart"
    TIME_LIMIT = "time_limit", "The stage took longer than its time limit"
    UNEXPECTED = "unexpected", "A bug: see the recorded traceback"
    CRASHED = "crashed", "A worker died with it aboard"
    POISON = "poison", "Workers died again and again with these bytes aboard, and nothing else"
    RUN_VANISHED = "run_vanished", "It was under way, but no run was"
    UNAPPLIED = "unapplied", "Its batch is approved, but nobody was applying it"
    DISCARDED = "discarded", "An operator gave it up"
    PAUSED = "paused", "Its source is paused"
    POLICY_GAVE_UP = "policy_gave_up", "The retry policy allows no further attempt"
    RELEASED = "released", "An operator sent it back to work"
    RESUMED = "resumed", "Its source goes on after a pause"
    SECRET_SET = "secret_set", "A secret of the source was set"
    SECRET_FORGOTTEN = "secret_forgotten", "A secret of the source was deleted"
    SEALED = "sealed", "A secret of the source cannot be opened with the keys at hand"
    REPROCESSED = "reprocessed", "To be done again by the present recipe"


def reasons() -> list[tuple[str, str]]:
    """The choices of a reason column: called, not listed, so that a new reason needs no migration."""
    return Reason.choices
