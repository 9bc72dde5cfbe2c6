import type { Paint } from './text.ts'

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
    const cells = stacks.map(({ lower, upper }) =>
      cell(eighths(lower) - floor, eighths(lower + upper) - floor, paint),
    )
    return cells.join('')
  })
}

/** A cell has one glyph: where both meet, the foot is drawn as far as it reaches. */
function cell(lower: number, total: number, paint: Paint): string {
  if (total <= 0) return ' '
  if (lower <= 0) return paint('magenta', glyph(total))
  if (lower >= 8 || total < 8) return paint('cyan', glyph(Math.max(lower, Math.min(total, 8))))
  return paint('cyan', glyph(lower))
}

function glyph(eighths: number): string {
  return EIGHTHS[Math.min(8, eighths)]!
}
