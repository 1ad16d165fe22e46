"""Finds and explains what the saga alone can't see, repairs what is safe to repair, and reports the rest."""
