import { avg, calendar, count, max, min, pipeline, session } from 'millrace'
import {
  departures,
  lowVisibility,
  snowstorms,
  type Weather,
  weatherDelays,
  weather as weatherTopic,
} from '../topics.ts'
import { input, timeZone } from './input.ts'

type Kind = 'snow' | 'rain' | 'low cloud or fog' | 'wind' | 'fair'

/** Hours of bad sight, snowstorms as a pattern in the reports, and what each kind of weather does to departures. */
export const weather = () =>
  pipeline('weather', p => {
    const reports = p.from(weatherTopic, input).byKey()

    reports
      .filter(report => report.visibilityMi < 3)
      .window(session('2h'))
      .aggregate('bad-sight', { reports: count(), visibilityMi: min('visibilityMi'), gustKt: max('gustKt') })
      .emit('final')
      .to(lowVisibility)

    reports
      .pattern('rain', isRain)
      .followedBy('snow', isSnow)
      .times(3, 100)
      .followedBy('clear', report => report.visibilityMi >= 10)
      .within('36h')
      .match('rain-snow-clear')
      .map(({ start, end, records: { snow } }, { key }) => ({
        key,
        start,
        end,
        snowReports: snow.length,
        visibilityMi: Math.min(...snow.map(report => report.visibilityMi)),
        coldestC: Math.min(...snow.map(report => report.tempC)),
      }))
      .to(snowstorms)

    // The report that was valid when the flight left, not the latest one.
    const versions = reports.toTable('reports', { versions: '3h' })
    p.from(departures, input)
      .byKey()
      .join(versions, ({ lateMin }, report) => ({ lateMin, kind: kindOf(report) }), {
        name: 'weather-at-departure',
        wait: 'event-time',
      })
      .keyBy('kind')
      .window(calendar('day', { timeZone }))
      .aggregate('delays-by-weather', { flights: count(), lateMin: avg('lateMin') })
      .emit('final')
      .to(weatherDelays)
  })

const isRain = (report: Weather) => report.rainMm > 0 && report.tempC > 0.5
const isSnow = (report: Weather) => report.rainMm > 0 && report.tempC <= 0.5

function kindOf(report: Weather): Kind {
  if (isSnow(report)) return 'snow'
  if (isRain(report)) return 'rain'
  if (report.visibilityMi < 5) return 'low cloud or fog'
  return report.windKt >= 20 ? 'wind' : 'fair'
}
