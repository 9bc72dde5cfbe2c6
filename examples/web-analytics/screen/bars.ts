import { type Paint, plain } from './text.ts'

const EIGHTHS = ' ▁▂▃▄▅▆▇█'
const EIGHTHS_ACROSS = ' ▏▎▍▌▋▊▉█'

/** A bar from left to right, exactly `width` columns. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8)
  const whole = '█'.repeat(Math.floor(eighths / 8))
  return `${whole}${eighths % 8 === 0 ? '' : EIGHTHS_ACROSS[eighths % 8]}`.padEnd(width)
}

/** One column of a chart: `lower` at the foot, `upper` on top of it. */
export interface Stack {
  readonly lower: number
  readonly upper: number
}

/** Stacks side by side, as lines from the top down; `peak` fills the height. */
export function chart(stacks: readonly Stack[], peak: number, height: number, paint: Paint): string[] {
  const eighths = (n: number) => Math.round((n / Math.max(1, peak)) * height * 8)
  return Array.from({ length: height }, (_, i) => {
    const floor = (height - 1 - i) * 8
    const within = (n: number) => Math.min(8, Math.max(0, eighths(n) - floor))
    return stacks.map(({ lower, upper }) => cell(within(lower), within(lower + upper), paint)).join('')
  })
}

/** Both are eighths of the cell; it has one glyph, so only a full cell can show where one ends and the other begins. */
function cell(lower: number, total: number, paint: Paint): string {
  if (lower === 0) return total === 0 ? ' ' : paint('bots', EIGHTHS[total]!)
  if (lower === 8 || total < 8 || paint === plain) return paint('people', EIGHTHS[total]!)
  return paint('peopleBelowBots', EIGHTHS[lower]!)
}
