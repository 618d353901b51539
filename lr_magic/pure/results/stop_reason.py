"""Why a run ended, each with the sentence that a person reads."""

from __future__ import annotations

from enum import StrEnum


class StopReason(StrEnum):
    """Why a range test or a training ended; ``sentence`` says it in words."""

    COMPLETED = "completed"
    DIVERGED = "diverged"
    NON_FINITE = "non_finite"
    OUT_OF_BATCHES = "out_of_batches"
    OUT_OF_TIME = "out_of_time"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"

    @property
    def sentence(self) -> str:
        """The reason in words, without a final full stop."""
        return _SENTENCES[self]


_SENTENCES = {
    StopReason.COMPLETED: "ran to the end",
    StopReason.DIVERGED: "the loss blew up, so higher rates were not tried",
    StopReason.NON_FINITE: "the loss became NaN or infinite",
    StopReason.OUT_OF_BATCHES: "the loader ran out of batches and cannot be restarted",
    StopReason.OUT_OF_TIME: "the time that was given is used up",
    StopReason.STOPPED: "stopped by you",
    StopReason.INTERRUPTED: "interrupted",
    StopReason.FAILED: "an error ended it",
}
