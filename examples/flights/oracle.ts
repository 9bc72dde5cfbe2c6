import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** The tables as they lie on the disk, in a database in memory; times in ms and minutes by SQL alone. */
export function openOracle(): DatabaseSync {
  const db = new DatabaseSync(':memory:')
  for (const table of ['flights', 'weather', 'airlines', 'airports']) load(db, table)
  db.exec(`
    create table planned as
      select *, carrier || flight || ' ' || origin || ' ' || strftime('%Y-%m-%dT%H:%M', time_hour, minute || ' minutes') id,
        (unixepoch(time_hour) + minute * 60) * 1000 planned,
        (select utc_offset_hours from airports where code = dest) * 60 shift
      from flights;
    create table timed as
      select *, planned + dep_delay * 60000 departed,
        planned + ((sched_arr_time / 100 * 60 + sched_arr_time % 100 - (planned / 60000 + shift) % 1440 + 2880) % 1440) * 60000 due
      from planned;
    create table reports as
      select origin station, unixepoch(time_hour) * 1000 at, precip > 0 wet, (temp - 32) * 5 / 9.0 celsius,
        round(wind_speed * 0.868976, 1) wind, round(wind_gust * 0.868976, 1) gust, visib
      from weather;
    create index by_station on reports (station, at);
  `)
  return db
}

function load(db: DatabaseSync, table: string): void {
  const [head, ...lines] = readFileSync(join(import.meta.dirname, 'data', `${table}.csv`), 'utf8')
    .trimEnd()
    .split('\n')
  const columns = head!.split(',')
  const numeric =
    /^(minute|dep_delay|sched_arr_time|arr_delay|distance|temp|wind_.*|precip|pressure|visib|utc_.*)$/
  db.exec(
    `create table ${table} (${columns.map(name => `${name} ${numeric.test(name) ? 'numeric' : 'text'}`)})`,
  )
  const insert = db.prepare(`insert into ${table} values (${columns.map(() => '?')})`)
  db.exec('begin')
  for (const line of lines)
    insert.run(...line.split(',').map(cell => (cell === 'NA' || cell === '' ? null : cell)))
  db.exec('commit')
}

const NY = '-5 hours'
const dayOf = (time: string) => `(unixepoch(date(${time} / 1000, 'unixepoch', '${NY}')) + 5 * 3600) * 1000`
const inDay = (time: string) => `${dayOf(time)} start, ${dayOf(time)} + 86400000 end`

/** What each result topic must hold, but for the waves. */
export const queries = {
  boards: `
    with recursive shifts(n) as (values(0) union all select n + 1 from shifts where n < 2),
    leaving as (select origin key, coalesce(departed, planned) at, dep_delay from timed),
    hours as (select *, (at / 3600000 - n) * 3600000 start from leaving, shifts)
    select key, start, start + 10800000 end, count(dep_delay) departed, count(*) - count(dep_delay) cancelled,
      avg(dep_delay) lateMin, max(dep_delay) worstMin
    from hours group by key, start`,
  lowVisibility: `
    with bad as (select *, at - lag(at) over (partition by station order by at) gap from reports where visib < 3),
    parts as (select *, sum(gap is null or gap > 7200000) over (partition by station order by at) part from bad)
    select station key, min(at) start, max(at) end, count(*) reports, min(visib) visibilityMi, max(gust) gustKt
    from parts group by station, part`,
  snowstorms: `
    with snow as (select * from reports where wet and round(celsius, 1) <= 0.5),
    tries as (select station, at start,
        (select at from snow s where s.station = r.station and s.at > r.at order by at limit 1 offset 2) third
      from reports r where wet and round(celsius, 1) > 0.5),
    ended as (select *, (select min(at) from reports r where r.station = t.station and r.at > third and visib >= 10 and not (wet and round(celsius, 1) <= 0.5)) end from tries t),
    matched as (select station, min(start) start, end from ended where end - start <= 36 * 3600000 group by station, end)
    select station key, start, end, count(*) snowReports, min(visib) visibilityMi, min(round(celsius, 1)) coldestC
    from matched m join snow s using (station) where s.at > start and s.at < end group by station, start`,
  weatherDelays: `
    with met as (select departed, dep_delay,
        (select max(at) from reports where station = origin and at <= departed) valid, origin
      from timed where departed is not null),
    kinds as (select *, case when wet then iif(round(celsius, 1) <= 0.5, 'snow', 'rain') when visib < 5 then 'low cloud or fog'
        when wind >= 20 then 'wind' else 'fair' end key
      from met join reports on station = origin and at = valid)
    select key, ${inDay('departed')}, count(*) flights, avg(dep_delay) lateMin from kinds group by key, start`,
  flights: `
    select id, name airline, origin, city, departed, dep_delay departedLateMin, arr_delay arrivedLateMin
    from timed join airlines using (carrier) join airports on code = dest where departed is not null`,
  airlineDays: `
    with done as (select *, iif(arr_delay is null, departed, due + arr_delay * 60000) at from timed where departed is not null)
    select name key, ${inDay('at')}, count(*) flights, sum(arr_delay is null) diverted, avg(arr_delay) lateMin,
      avg(dep_delay - arr_delay) madeUpMin
    from done join airlines using (carrier) group by key, start`,
  overdue: `
    select id, dest, due, max(due + 1800001, departed) at from timed where departed is not null and (arr_delay is null or arr_delay > 30)`,
  landed: `select id, due + arr_delay * 60000 at, arr_delay lateMin from timed where arr_delay > 30`,
} as const

/** How many flights of an airport were cancelled in each hour that a cancellation ends or begins behind. */
export const cancelledInAnHour = `
  with cancelled as (select origin key, planned at from planned where dep_delay is null),
  ends as (select key, at end from cancelled union select key, at + 3600001 from cancelled)
  select e.key key, end - 3600000 start, end, count(*) cancelled
  from ends e join cancelled c on c.key = e.key and c.at between end - 3600000 and end
  group by e.key, end having count(*) >= 10 order by end`
