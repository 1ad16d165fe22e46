"""What an auditor may read of a service's tables: what its questions need, and nothing else.

Its questions are the rules of conservation, the reconciler's orphans and the meter of `shop chaos`. The order-service,
which anybody can reach, knows its password: no card's token, no address and no customer is among the columns.
"""

from shared.contracts.app import Readable


def admit_auditor(readable: Readable) -> str:
    """Give the auditor these rights, and no others, on the tables that are there; the schema's owner runs it there.

    The auditor's role is named as the owner, with `auditor` in place of the schema's name. With other names of roles,
    grant the same by hand.
    """
    pairs = [f"('{table}', '{column}')" for table, columns in readable.items() for column in columns]
    columns = ", ".join(pairs) or "(NULL, NULL)"
    return f"""
    DO $$
    DECLARE
        here text := current_schema();
        auditor text := regexp_replace(current_user, current_schema() || '$', 'auditor');
        readable record;
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = auditor AND rolname <> current_user) THEN
            RETURN;
        END IF;
        -- Former releases let it read whatever was there and would be.
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I REVOKE ALL ON TABLES FROM %I', here, auditor);
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I', here, auditor);
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', here, auditor);
        FOR readable IN
            SELECT table_name, string_agg(quote_ident(column_name), ', ') AS columns
            FROM information_schema.columns
            WHERE table_schema = here AND (table_name, column_name) IN ({columns})
            GROUP BY table_name
        LOOP
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', here, auditor);
            EXECUTE format('GRANT SELECT (%s) ON %I.%I TO %I', readable.columns, here, readable.table_name, auditor);
        END LOOP;
    END $$
    """  # noqa: S608 - names from the registry
