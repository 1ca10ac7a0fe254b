GRANT SELECT, INSERT, UPDATE, DELETE ON
    procrastinate_jobs, procrastinate_events, procrastinate_workers, procrastinate_periodic_defers TO atrium_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO atrium_app;
