"""Notifies people: e-mail over SMTP, push messages as signed webhooks."""
