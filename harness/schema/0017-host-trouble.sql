-- What speaks against a host that is good: failures of the infrastructure on
-- it in the last two weeks, since somebody last made it good again. A mark
-- counts 1 and half as much every three days later. For whoever chooses hosts.
create view assay.host_trouble as
    select m.host, count(*)::bigint as marks,
           sum(power(0.5, extract(epoch from clock_timestamp() - m.at)::float8
                          / 259200)) as weight,
           max(m.at) as last_at
    from assay.host_mark m
    where m.at > clock_timestamp() - interval '14 days'
    and not exists (select from assay.host_health x
                    where x.host = m.host and x.state = 'good'
                    and x.was <> 'good' and x.at >= m.at)
    group by m.host;
