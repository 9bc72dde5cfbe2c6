import { events } from '../data/events.ts'

const textCount = 100_000
const warmUpRounds = 2
const rounds = 10

/** Millions of events that `JSON.parse` alone turns into objects per CPU-second: how fast this machine is now. */
export function parseRate(): number {
  const texts = [...events(textCount)].map(event => Buffer.from(JSON.stringify(event)))
  let seen = 0
  const round = () => {
    for (const text of texts) seen += JSON.parse(text.toString()).ms
  }
  for (let i = 0; i < warmUpRounds; i++) round()
  const before = process.cpuUsage()
  for (let i = 0; i < rounds; i++) round()
  const { user, system } = process.cpuUsage(before)
  if (seen === 0) throw new Error('The events have no `ms`')
  return (rounds * textCount) / (user + system)
}
