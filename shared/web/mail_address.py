"""One rule for e-mail addresses: what is accepted can be mailed."""

from email_validator import EmailNotValidError, validate_email

from shared.web.text import MAX_ADDRESS_LENGTH, MAX_LOCAL_PART_LENGTH, is_address


def mail_form(text: str, *, takes_utf8: bool = False) -> str | None:
    """The address as a mail server gets it: one bare address, its domain in ASCII (IDNA 2008); None: there is no such.

    Only its form counts: whether the domain exists is the mail server's to find out. `takes_utf8`: the server knows
    SMTPUTF8 (RFC 6531), so that the part before the @ may have letters beyond ASCII.
    """
    if is_address(text):
        return text
    try:
        found = validate_email(
            text, check_deliverability=False, globally_deliverable=False, allow_smtputf8=takes_utf8, strict=True
        )
    except EmailNotValidError:
        return None
    if found.ascii_email is not None:
        return found.ascii_email if is_address(found.ascii_email) else None
    form = f"{found.local_part}@{found.ascii_domain}"
    fits = len(form.encode()) <= MAX_ADDRESS_LENGTH and len(found.local_part.encode()) <= MAX_LOCAL_PART_LENGTH
    return form if fits and is_address(f"x@{found.ascii_domain}") else None
