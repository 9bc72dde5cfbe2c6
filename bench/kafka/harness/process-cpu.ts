import { readFileSync } from 'node:fs'

/** Linux counts in hundredths of a second, on every machine. */
const ticksPerSecond = 100

/** User and system time of all threads of another process; NaN where the system does not say. */
export function cpuSecondsOf(pid: number): number {
  const text = read(`/proc/${pid}/stat`)
  if (text === undefined) return Number.NaN
  // The name in parentheses may hold anything; what follows it are numbers, the 12th and 13th of them the times.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Largest resident memory a process has had; NaN where the system does not say. */
export function peakRssOf(pid: number): number {
  const kilobytes = /VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`) ?? '')?.[1]
  return Number(kilobytes) * 1024
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
