-- Whoever says that it announces what it writes does so itself, after its commit: a commit that has something to tell holds up
-- all others that have, until the disk has it. For older halfgigs, which do not say so, it is told as before.
CREATE OR REPLACE FUNCTION tell_of_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('halfgig.announces', true) IS DISTINCT FROM 'yes' THEN
        PERFORM pg_notify('halfgig', new.job_id || ' ' || new.type);
    END IF;
    RETURN NULL;
END $$;
