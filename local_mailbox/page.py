"""The mailbox as a page: no scripts, nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

_FRAME: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Mailbox of the local shop</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }}
  table {{ border-collapse: collapse; width: 100%; margin-bottom: 2rem; }}
  th, td {{ text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #8884; }}
  td {{ overflow-wrap: anywhere; }}
  pre {{ white-space: pre-wrap; margin: 0; }}
  :root {{ color-scheme: light dark; }}
</style>
<h1>Mailbox of the local shop</h1>
<h2>E-mail</h2>
{mails}
<h2>Push messages</h2>
{pushes}
</html>
"""


def page(mails: Sequence[Mapping[str, Any]], pushes: Sequence[Mapping[str, Any]]) -> str:
    """What arrived, newest first; all of it was written by others, so all of it is escaped."""
    return _FRAME.format(
        mails=_table(("received_at", "recipient", "subject", "body"), mails),
        pushes=_table(("received_at", "user_id", "message", "repeats"), pushes),
    )


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "<p>Nothing yet.</p>"
    head = "".join(f"<th>{column.replace('_', ' ')}</th>" for column in columns)
    lines = ("".join(f"<td><pre>{escape(str(row[column]))}</pre></td>" for column in columns) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
