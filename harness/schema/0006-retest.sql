-- A run of the gate may run some jobs of its flight once more before it
-- decides: full -> retest -> decided.
alter table assay.gate_run
    add column retest_flight bigint references assay.flight,
    drop constraint gate_run_state_check,
    add constraint gate_run_state_check check (state in (
        'begun', 'smoke', 'full', 'retest', 'decided',
        'pushed', 'held', 'tested', 'lost', 'aborted', 'failed')),
    drop constraint gate_run_finished,
    add constraint gate_run_finished check (
        (state in ('begun', 'smoke', 'full', 'retest', 'decided'))
        = (finished_at is null)),
    add constraint gate_run_retest check (
        state <> 'retest'
        or (flight is not null and retest_flight is not null));
