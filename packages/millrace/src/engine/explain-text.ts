import type {
  CallExplanation,
  InputExplanation,
  OpenWindow,
  PausedExplanation,
  StepExplanation,
} from './explain.ts'

/** A step's explanation as a few lines for people. */
export function explanationText(explanation: Omit<StepExplanation, 'text'>): string {
  const { step, task, watermark, next, dueAt, inputs, missedGrace } = explanation
  const lines = [
    next !== undefined
      ? windowLine(step, task, next, watermark)
      : dueAt !== undefined
        ? dueLine(step, task, dueAt, watermark)
        : `No window of "${step}" is open in task ${task}, and nothing in it waits.`,
  ]
  if (dueAt !== undefined || (next !== undefined && !next.waitsForTick))
    for (const input of inputs) if (input.state === 'holds back') lines.push(`  ${inputLine(input)}`)
  for (const { paused = [] } of inputs) for (const each of paused) lines.push(`  ${pausedLine(each)}`)
  if (next === undefined)
    for (const { call } of inputs)
      if (call !== undefined) lines.push(`  A record is on its way: ${callText(call)}.`)
  for (const { graceMs, records } of missedGrace.slice(0, 5)) {
    lines.push(
      `  ${spanText(graceMs)} more grace would have kept ${records} late ${records === 1 ? 'record' : 'records'}.`,
    )
  }
  return lines.join('\n')
}

function windowLine(step: string, task: string, next: OpenWindow, watermark: number | undefined): string {
  const window = `Window ${timeText(next.start)} – ${timeText(next.end)} of "${step}"`
  const { closesAt, latenessEndsAt } = next
  const isOut = latenessEndsAt !== undefined && watermark !== undefined && watermark >= closesAt
  const when = isOut
    ? `has gone out, and takes late records until event time reaches ${timeText(latenessEndsAt)}`
    : `closes when event time reaches ${timeText(closesAt)}${latenessEndsAt === undefined ? '' : `, and takes late records until ${timeText(latenessEndsAt)}`}`
  if (next.waitsForTick) return `${window} closes with the next tick of an emission in front of it.`
  if (watermark === undefined) return `${window} ${when}; task ${task} has seen no record yet.`
  return `${window} ${when}; task ${task} has reached ${timeText(watermark)}, ${spanText(next.missingMs!)} less.`
}

function dueLine(step: string, task: string, dueAt: number, watermark: number | undefined): string {
  const when = `"${step}" goes on by itself when event time reaches ${timeText(dueAt)}`
  if (watermark === undefined) return `${when}; task ${task} has seen no record yet.`
  return `${when}; task ${task} has reached ${timeText(watermark)}, ${spanText(Math.max(0, dueAt - watermark))} less.`
}

function inputLine(input: InputExplanation): string {
  const { topic, partition, upstream, watermark, largestTime, nextOffset, lag, neededTime } = input
  const who =
    upstream === undefined ? `${topic}/${partition}` : `${topic}/${partition}, written by ${upstream},`
  const parts = [
    watermark === undefined
      ? `${who} holds it back: nothing came from there yet`
      : `${who} holds it back at ${timeText(watermark)}`,
  ]
  if (largestTime !== undefined) parts.push(`its newest record is of ${timeText(largestTime)}`)
  parts.push(
    lag > 0
      ? `${lag} records from offset ${nextOffset} on wait to be read`
      : 'everything there is has been read',
  )
  if (input.call !== undefined) parts.push(callText(input.call))
  if (neededTime !== undefined)
    parts.push(`it takes a record of ${timeText(neededTime)} or later${idleText(input)}`)
  if (input.neededWatermark !== undefined)
    parts.push(
      `its watermark function has to say ${timeText(input.neededWatermark)} or later, with a record of such a time${idleText(input)}`,
    )
  return `${parts.join('; ')}.`
}

function pausedLine({ topic, partition, watermark, maxDriftMs, waitsFor }: PausedExplanation): string {
  const ahead = waitsFor.watermark === undefined ? undefined : watermark! - waitsFor.watermark
  const slowest = `${waitsFor.topic}/${waitsFor.partition}`
  const why =
    ahead === undefined ? `nothing came from ${slowest} yet` : `it is ${spanText(ahead)} ahead of ${slowest}`
  return `${topic}/${partition} is paused at ${timeText(watermark!)}: ${why}, and maxDrift is ${spanText(maxDriftMs)}.`
}

function callText({ step, key, topic, offset, waitedMs, attempt, waiting }: CallExplanation): string {
  const others =
    waiting === 1 ? '' : `, and ${waiting === 2 ? '1 other waits' : `${waiting - 1} others wait`} with it`
  const failed = attempt === 0 ? '' : `, having failed ${attempt} ${attempt === 1 ? 'time' : 'times'}`
  const record = `record ${topic} offset ${offset} (key ${typeof key === 'string' ? JSON.stringify(key) : String(key)})`
  return `the call of "${step}" for ${record} has taken ${spanText(waitedMs)}${failed}${others}`
}

function idleText({ idleMs, drainedMs }: InputExplanation): string {
  if (idleMs === undefined || idleMs === Number.POSITIVE_INFINITY) return ''
  if (drainedMs === undefined) return `, or ${spanText(idleMs)} without any`
  return `, or ${spanText(Math.max(0, idleMs - drainedMs))} more without any`
}

function timeText(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : 'the end'
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

function spanText(ms: number): string {
  const unit = units.find(([, size]) => ms >= size)
  if (unit === undefined) return `${Math.round(ms)} ms`
  const [name, size] = unit
  return `${Math.round((ms / size) * 10) / 10} ${name}`
}
